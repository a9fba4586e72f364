//! Whatever the order and however often: the same reports come to the same end.

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use super::*;

const BUILD: i64 = 7;

fn dispatched() -> Dispatched {
    Dispatched { run_id: Some(BUILD), attempt: 1, url: None }
}

fn job(attempt: i64, stage: Stage, status: &str, conclusion: Option<&str>) -> Value {
    json!({"workflow_job": {
        "run_id": BUILD, "run_attempt": attempt, "name": stage.job(), "status": status, "conclusion": conclusion,
        "started_at": "2026-11-21T06:00:00Z", "completed_at": conclusion.map(|_| "2026-11-21T06:01:03Z")}})
}

fn build(attempt: i64, status: &str, conclusion: Option<&str>) -> Value {
    json!({"workflow_run": {
        "id": BUILD, "run_attempt": attempt, "status": status, "conclusion": conclusion,
        "run_started_at": "2026-11-21T06:00:00Z", "updated_at": "2026-11-21T06:35:00Z"}})
}

/// All that is said about an attempt in which the stages end so; those without an end are not spoken of.
fn attempt(attempt: i64, ends: [Option<&str>; 5], conclusion: &str) -> Vec<Value> {
    let stages = Stage::ALL.into_iter().zip(ends).filter_map(|(stage, end)| Some((stage, end?)));
    let jobs = stages.flat_map(|(stage, end)| {
        [
            job(attempt, stage, "queued", None),
            job(attempt, stage, "in_progress", None),
            job(attempt, stage, "completed", Some(end)),
        ]
    });
    jobs.chain([
        build(attempt, "requested", None),
        build(attempt, "in_progress", None),
        build(attempt, "completed", Some(conclusion)),
    ])
    .collect()
}

const SUCCESS: [Option<&str>; 5] = [Some("success"); 5];
const UNIT_TESTS_FAIL: [Option<&str>; 5] =
    [Some("success"), Some("failure"), Some("skipped"), Some("skipped"), Some("skipped")];

fn told(payloads: &[Value]) -> Builds {
    let mut builds = Builds::default();
    for report in payloads.iter().filter_map(Report::read) {
        builds.take(report);
    }
    builds
}

/// Every payload once, some of them again, in any order.
fn shuffled(payloads: Vec<Value>) -> impl Strategy<Value = Vec<Value>> {
    let all = payloads.len();
    subsequence(payloads.clone(), 0..=all)
        .prop_flat_map(move |again| Just([payloads.clone(), again].concat()).prop_shuffle())
}

proptest! {
    #[test]
    fn a_build_passes_with_its_last_report_and_not_before(reports in shuffled(attempt(1, SUCCESS, "success"))) {
        let last = |stage: Stage| reports.iter().position(|report| {
            report["workflow_job"]["name"] == stage.job() && report["workflow_job"]["status"] == "completed"
        });
        let ended = reports.iter().position(|report| report["workflow_run"]["status"] == "completed");
        let decides = Stage::ALL.into_iter().map(last).chain([ended]).max().flatten().unwrap();
        for told_so_far in 0..=reports.len() {
            let verdict = told(&reports[..told_so_far]).verdict(&dispatched());
            let expected = if told_so_far > decides { Verdict::Passed } else { Verdict::Running };
            prop_assert_eq!(verdict, expected);
        }
    }

    #[test]
    fn the_stage_that_failed_is_named_and_not_those_that_were_skipped(
        reports in shuffled(attempt(1, UNIT_TESTS_FAIL, "failure")),
    ) {
        let failed = failure(Stage::UnitTests, "failure");
        for told_so_far in 0..reports.len() {
            let verdict = told(&reports[..told_so_far]).verdict(&dispatched());
            prop_assert!(verdict == Verdict::Running || verdict == failed, "{:?}", verdict);
        }
        prop_assert_eq!(told(&reports).verdict(&dispatched()), failed);
    }

    #[test]
    fn a_later_attempt_counts_and_keeps_what_had_passed(
        reports in shuffled([
            attempt(1, UNIT_TESTS_FAIL, "failure"),
            attempt(2, [None, Some("success"), Some("success"), Some("success"), Some("success")], "success"),
        ].concat()),
    ) {
        let builds = told(&reports);
        prop_assert_eq!(builds.verdict(&dispatched()), Verdict::Passed);
        prop_assert_eq!(builds.pipeline(&dispatched()).passed(), 5);
        prop_assert_eq!(builds, told(&[attempt(1, UNIT_TESTS_FAIL, "failure"), attempt(2, [None, Some("success"),
            Some("success"), Some("success"), Some("success")], "success")].concat()));
    }
}

#[test]
fn an_earlier_attempt_decides_nothing_once_a_later_one_is_dispatched() {
    let builds = told(&attempt(1, UNIT_TESTS_FAIL, "failure"));
    let again = Dispatched { attempt: 2, ..dispatched() };
    assert_eq!(builds.verdict(&again), Verdict::Running);
    assert_eq!(builds.pipeline(&again).status(Stage::Lint), StageStatus::Passed);
    assert_eq!(builds.pipeline(&again).status(Stage::UnitTests), StageStatus::Pending);
}

#[test]
fn only_success_of_everything_passes() {
    for conclusion in ["failure", "neutral", "cancelled", "timed_out", "action_required", "stale", "startup_failure"] {
        for stage in Stage::ALL {
            let mut ends = SUCCESS;
            ends[stage as usize] = Some(conclusion);
            for of_the_build in ["success", conclusion] {
                let verdict = told(&attempt(1, ends, of_the_build)).verdict(&dispatched());
                assert_eq!(verdict, failure(stage, conclusion));
            }
        }
        let verdict = told(&attempt(1, SUCCESS, conclusion)).verdict(&dispatched());
        assert_eq!(verdict, failure(Stage::PushToRegistry, conclusion), "the build itself");
    }
    let mut skipped = SUCCESS;
    skipped[Stage::Lint as usize] = Some("skipped");
    assert_eq!(told(&attempt(1, skipped, "success")).verdict(&dispatched()), failure(Stage::Lint, "skipped"));
}

#[test]
fn a_build_that_never_started_has_failed() {
    let reports = attempt(1, [None; 5], "startup_failure");
    assert_eq!(told(&reports).verdict(&dispatched()), failure(Stage::Lint, "startup_failure"));
}

#[test]
fn a_build_that_failed_waits_for_the_stage_that_did() {
    let reports = [build(1, "completed", Some("failure")), job(1, Stage::Lint, "completed", Some("success"))];
    assert_eq!(told(&reports).verdict(&dispatched()), Verdict::Running);
}

#[test]
fn whatever_reports_first_is_taken_for_a_build_without_a_name() {
    let nameless = Dispatched { run_id: None, ..dispatched() };
    assert_eq!(told(&[]).verdict(&nameless), Verdict::Running);
    assert_eq!(told(&attempt(1, SUCCESS, "success")).verdict(&nameless), Verdict::Passed);
}
