//! When the five steps of a creation began and ended: updated with each move, never worked out afterwards.

use chrono::{DateTime, Utc};

use super::progress::{Step, Timeline};
use super::state::Status;

/// The timeline of a creation that was requested at `now`.
pub(crate) fn requested(now: DateTime<Utc>) -> Timeline {
    let mut timeline = Timeline::default();
    let [initiation, genesis, ..] = &mut timeline;
    (initiation.started_at, initiation.completed_at) = (Some(now), Some(now));
    genesis.started_at = Some(now);
    timeline
}

/// Takes note of a move. A step that is begun again keeps its first beginning and loses its end.
pub(crate) fn moved(timeline: &mut Timeline, from: Status, to: Status, now: DateTime<Utc>) {
    let left = Step::of(from) as usize;
    let entered = if to == Status::Cancelled { left } else { Step::of(to) as usize };
    if left != entered {
        timeline[left].completed_at = Some(now);
    }
    let here = &mut timeline[entered];
    match to {
        // Waits for the next step to begin.
        Status::GenesisApproved => {}
        Status::GenesisRejected
        | Status::GenesisTimeout
        | Status::CodeGenerationFailed
        | Status::CicdFailed
        | Status::HandoffComplete
        | Status::Cancelled => here.completed_at = Some(now),
        Status::GenesisValidationPending
        | Status::CodeGeneration
        | Status::CicdRunning
        | Status::DeploymentReady
        | Status::HandoffPending => {
            here.started_at.get_or_insert(now);
            here.completed_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn each_step_has_its_times() {
        let mut timeline = requested(at(0));
        let path = [
            (Status::GenesisApproved, 10),
            (Status::CodeGeneration, 11),
            (Status::CodeGenerationFailed, 20),
            (Status::CodeGeneration, 30),
            (Status::CicdRunning, 40),
            (Status::DeploymentReady, 50),
            (Status::HandoffPending, 60),
            (Status::DeploymentReady, 70),
            (Status::HandoffPending, 80),
            (Status::HandoffComplete, 90),
        ];
        let mut from = Status::GenesisValidationPending;
        for (to, second) in path {
            moved(&mut timeline, from, to, at(second));
            from = to;
        }
        let seconds =
            timeline.map(|times| (times.started_at.unwrap().timestamp(), times.completed_at.unwrap().timestamp()));
        assert_eq!(seconds, [(0, 0), (0, 10), (11, 40), (40, 50), (50, 90)]);
    }

    #[test]
    fn a_step_that_is_begun_again_is_open() {
        let mut timeline = requested(at(0));
        moved(&mut timeline, Status::GenesisValidationPending, Status::GenesisTimeout, at(1800));
        assert_eq!(timeline[Step::GenesisValidation as usize].completed_at, Some(at(1800)));
        moved(&mut timeline, Status::GenesisTimeout, Status::GenesisValidationPending, at(2000));
        assert_eq!(timeline[Step::GenesisValidation as usize].completed_at, None);
    }

    #[test]
    fn a_cancelled_creation_ends_where_it_stood() {
        let mut timeline = requested(at(0));
        moved(&mut timeline, Status::GenesisValidationPending, Status::Cancelled, at(7));
        assert_eq!(timeline[Step::GenesisValidation as usize].completed_at, Some(at(7)));
        assert_eq!(timeline[Step::Initiation as usize].completed_at, Some(at(0)));
    }
}
