//! A forge that does nothing and says what it was asked to cancel.

use functions::forge::{Answer, Commit, Dispatch, Error, Forge, Repository, RunStatus};
use tokio::sync::mpsc::UnboundedSender;

/// The run of every pipeline.
pub(crate) const RUN: u64 = 7;

/// The forge.
#[derive(Debug)]
pub(crate) struct Yard {
    pub(crate) cancelled: UnboundedSender<u64>,
}

impl Forge for Yard {
    fn create_repository<'a>(&'a self, _: &'a Repository) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn commit<'a>(&'a self, _: &'a Repository, _: &'a Commit) -> Answer<'a, String> {
        Box::pin(async { Ok("c0ffee".to_owned()) })
    }

    fn dispatch<'a>(&'a self, _: &'a Repository, _: &'a Dispatch) -> Answer<'a, u64> {
        Box::pin(async { Ok(RUN) })
    }

    fn rerun<'a>(&'a self, _: &'a Repository, _: u64, _: &'a str) -> Answer<'a, u32> {
        Box::pin(async { Ok(2) })
    }

    fn cancel<'a>(&'a self, _: &'a Repository, run: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            self.cancelled.send(run).unwrap();
            Ok(())
        })
    }

    fn running<'a>(&'a self, _: &'a Repository, _: &'a str) -> Answer<'a, Vec<u64>> {
        Box::pin(async { Ok(vec![RUN]) })
    }

    fn status<'a>(&'a self, repository: &'a Repository, _: u64) -> Answer<'a, RunStatus> {
        Box::pin(async move { Err(Error::NotFound(repository.to_string())) })
    }

    fn read<'a>(&'a self, _: &'a Repository, _: &'a str, _: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }
}
