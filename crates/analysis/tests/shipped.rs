//! What is shipped keeps its own promises: scenarios pass, guards are proved, and a gate that is taken out is missed.

mod shelf;

use std::collections::BTreeMap;

use analysis::{
    Library,
    simulate::{Coverage, Scenarios, simulate},
    verify::{Guards, Verdict, verify},
};
use definitions::Definition;

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

/// Every guard over one definition that is not proved, with its path.
fn unproved(definition: &Definition, library: &Library) -> Vec<String> {
    let mut unproved = Vec::new();
    for (file, text) in shelf::files("workflows/guards") {
        let guards = Guards::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for name in guards.names() {
            assert!(library.find(name).is_some(), "{file}: there is no workflow {name}");
        }
        for finding in verify(definition, &guards, library) {
            match finding.verdict {
                Verdict::Proved { .. } => {}
                Verdict::Refuted(path) => unproved.push(format!("{}: {path}", finding.guard)),
                Verdict::Unknown(why) => unproved.push(format!("{}: {why}", finding.guard)),
            }
        }
    }
    unproved
}

#[test]
fn the_guards_are_proved() {
    let library = shelf::library();
    for definition in library.iter() {
        assert_eq!(unproved(definition, &library), [""; 0], "{}", definition.id);
    }
}

/// Whoever takes something out of a workflow that a guard relies on is told, with the path that is open now.
#[test]
fn what_is_taken_out_is_missed() {
    let library = shelf::library();
    let creation = include_str!("../../../workflows/agent-creation.yaml");
    let greeting = include_str!("../../../workflows/examples/reviewed-greeting.yaml");
    for (text, from, to, guard, path) in [
        (
            greeting,
            "      call: human-approval:1.0.0@default\n      with:",
            "      set:",
            "nothing is sent",
            "`review`\n  3. `cool`\n  4. `tell`",
        ),
        (greeting, "roles: [ admin ]", "roles: [ viewer ]", "nothing is sent", "`tell`"),
        (greeting, "expiresAfter: PT24H", "evidence: { }", "no gate waits for ever", "2. `review`"),
        (
            creation,
            "then: awaitFreshValidation\n",
            "then: adminGate\n",
            "no code without the approval of Genesis",
            "takes the case `timedOut`",
        ),
        (
            creation,
            "$context.verdict.status == \"approved\"",
            "$context.verdict.status != \"rejected\"",
            "no code without the approval of Genesis",
            "`generate › generateCode`",
        ),
        (
            creation,
            "        then: end\n  - enterGeneration",
            "  - enterGeneration",
            "no code without an Admin",
            "`adminGate` catches it",
        ),
        (
            creation,
            "            then: notifyRejected\n",
            "            then: awaitFreshValidation\n",
            "what Genesis has rejected",
            "takes the case `rejected`",
        ),
        (creation, "      then: end\n  - adminGate", "  - adminGate", "what Genesis has rejected", "`notifyRejected`"),
        (
            creation,
            "            then: notifyCiFailed",
            "            then: enterHandoff",
            "no handoff before CI",
            "takes the case `failed`",
        ),
        (
            creation,
            "            then: awaitHandoff\n        - accepted",
            "            then: announce\n        - accepted",
            "only after an accepted handoff",
            "takes the case `rejected`",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the workflow");
        let found = unproved(&shelf::parse("changed", &changed), &library).join("\n");
        assert!(found.contains(guard) && found.contains(path), "{from} → {to}: {found}");
    }
}

/// A gate that passes what was not approved is found in every workflow that trusts it.
#[test]
fn a_gate_that_lets_everybody_pass_is_found() {
    let library = shelf::library();
    let gate = include_str!("../../../functions/human-approval/1.0.0/function.yaml");
    let open = gate.replace("            then: refuse\n", "            then: exit\n");
    assert_ne!(open, gate);
    let greeting = include_str!("../../../workflows/examples/reviewed-greeting.yaml");
    let catalog = BTreeMap::from([("human-approval:1.0.0".to_owned(), open)]);
    let found = unproved(&Definition::parse(greeting, &catalog).unwrap(), &library).join("\n");
    assert!(found.contains("a gate is passed only by a decision") && found.contains("the case `refused`"), "{found}");
}
