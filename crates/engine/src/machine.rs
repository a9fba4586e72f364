//! The machine.
use crate::{Diverged, Effect, Fact, Pending, Run};
pub(crate) fn apply(_run: &mut Run, _fact: &Fact) -> Result<Vec<Effect>, Diverged> {
    Ok(Vec::new())
}
pub(crate) fn pending(_run: &Run) -> Pending {
    Pending::default()
}
