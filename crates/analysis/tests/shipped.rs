//! What is shipped keeps its own promises: scenarios pass, guards are proved, and a gate that is taken out is missed.

mod shelf;

use analysis::simulate::{Coverage, Scenarios, simulate};

/// Every scenario of every shipped workflow, and how much of the workflow they take together.
#[test]
fn the_scenarios_pass_and_take_every_way() {
    let library = shelf::library();
    let mut left: Vec<String> = library.iter().map(|definition| definition.id.to_string()).collect();
    for (file, text) in shelf::files("workflows/scenarios") {
        let scenarios = Scenarios::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let definition = library.find(&scenarios.workflow).unwrap_or_else(|| panic!("{file}: no such workflow"));
        left.retain(|id| *id != definition.id.to_string());
        let mut coverage: Option<Coverage> = None;
        for scenario in &scenarios.scenarios {
            let report = simulate(definition, scenario, &library);
            let lines = report.lines().collect::<Vec<_>>().join("\n");
            assert_eq!(report.failures, [""; 0], "{file}: {}\n{lines}", scenario.name);
            coverage.get_or_insert_with(|| report.coverage.clone()).merge(&report.coverage);
        }
        let coverage = coverage.expect("a scenario file has scenarios");
        let missed: Vec<_> = coverage.missed_branches().map(ToString::to_string).collect();
        let tasks: Vec<_> = coverage.missed_tasks().map(analysis::place).collect();
        assert_eq!((tasks, missed), (vec![], vec![]), "{file} does not take every way");
    }
    assert_eq!(left, [""; 0], "workflows without a scenario");
}
