//! The functions that this worker can run, by name and version.
//!
//! A claim names them, so that a run which needs another function stays for a worker that has it.

use std::{collections::HashMap, fmt, sync::Arc};

use definitions::FunctionName;
use engine::Function;
use store::TransactionalFunction;

/// A function of the host, by how it is run.
#[derive(Clone)]
pub(crate) enum Registered {
    /// Touches the outside; runs beside its run and at least once.
    External(Arc<dyn Function>),
    /// Writes to the database only; runs in the commit's own transaction, exactly once.
    Transactional(Arc<dyn TransactionalFunction>),
}

/// The functions of the host. Registering a name and version again replaces the function.
#[derive(Clone, Default)]
pub struct Functions(HashMap<FunctionName, Registered>);

impl Functions {
    /// No functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same functions and an external one.
    #[must_use]
    pub fn external(mut self, function: impl Function + 'static) -> Self {
        self.0.insert(function.descriptor().name.clone(), Registered::External(Arc::new(function)));
        self
    }

    /// The same functions and a transactional one.
    #[must_use]
    pub fn transactional(mut self, function: impl TransactionalFunction + 'static) -> Self {
        self.0.insert(function.descriptor().name.clone(), Registered::Transactional(Arc::new(function)));
        self
    }

    /// The functions' names.
    pub fn names(&self) -> impl Iterator<Item = &FunctionName> {
        self.0.keys()
    }

    pub(crate) fn get(&self, name: &FunctionName) -> Option<&Registered> {
        self.0.get(name)
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
