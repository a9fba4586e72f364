//! The verbs, each with what it prints.

pub(crate) mod definition;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod gate;
pub(crate) mod maintenance;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod token;
