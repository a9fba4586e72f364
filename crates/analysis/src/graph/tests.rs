//! Pictures of the shipped workflows, and of a run within one.

use std::sync::Arc;

use definitions::Definition;

use super::*;
use crate::simulate::{Scenarios, simulate};

fn shipped() -> Arc<Definition> {
    let source = include_str!("../../../../workflows/agent-creation.yaml");
    let host: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    Arc::new(Definition::parse(source, &host).unwrap_or_else(|findings| panic!("{findings}")))
}

/// The boxes of an SVG: class, x, y, width and height.
fn boxes(svg: &str) -> Vec<(String, [f64; 4])> {
    let attribute = |line: &str, name: &str| {
        line.split_once(&format!(" {name}=\"")).map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).unwrap()
    };
    let rects = svg.lines().filter(|line| line.starts_with("<rect class"));
    rects
        .map(|line| {
            let sizes = ["x", "y", "width", "height"].map(|name| attribute(line, name).parse().unwrap());
            (attribute(line, "class"), sizes)
        })
        .collect()
}

#[test]
fn everything_is_drawn_within_the_picture_and_no_two_tasks_overlap() {
    let picture = svg(&shipped(), None);
    let size = |name: &str| {
        let (_, rest) = picture.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse::<f64>().unwrap()
    };
    let (width, height) = (size("width"), size("height"));
    let drawn = boxes(&picture);
    let tasks: Vec<_> = drawn.iter().filter(|(class, _)| class == "task").map(|(_, place)| *place).collect();
    assert!(tasks.len() > 20, "{}", tasks.len());
    for (_, [x, y, w, h]) in &drawn {
        assert!(*x >= 0.0 && *y >= 0.0 && x + w <= width && y + h <= height, "{x} {y} {w} {h} in {width} {height}");
    }
    for (index, [x, y, w, h]) in tasks.iter().enumerate() {
        for [ox, oy, ow, oh] in &tasks[..index] {
            assert!(
                x + w <= *ox || ox + ow <= *x || y + h <= *oy || oy + oh <= *y,
                "two boxes at {x} {y} and {ox} {oy}"
            );
        }
    }
    assert!(picture.contains(">generateCode<") && picture.contains("approved: $context.verdict.status == &quot;a"));
}

#[test]
fn a_chart_has_every_task_and_every_case() {
    let chart = mermaid(&shipped(), None);
    for wanted in [
        "start --> _do_0_genesis",
        "_do_2_verdict -->|\"timedOut\"| _do_3_awaitFreshValidation",
        "_do_4_restartValidation --> _do_0_genesis",
        "_do_5_notifyRejected_0_end --> finish",
        "_do_8_generate -. error .-> _do_8_generate_catch_do_0_generationFailed",
        "subgraph _do_11_awaitCi_0",
    ] {
        assert!(chart.contains(wanted), "{wanted}\n{chart}");
    }
    assert!(!chart.contains(":::"), "nothing is coloured without a run");
}

#[test]
fn a_run_shows_where_it_stands() {
    let scenario = Scenarios::parse(
        "workflow: agent-creation
scenarios:
  - name: it
    input: { creationId: c, agentId: a, manifest: { agent_name: Ada }, requestedBy: bo, orchestrator: bo, adminGate: false }
    calls: { genesis-validation: [ { return: { status: timed_out } }, { return: { status: approved } } ], advance-creation: { return: { } },
             generate-code: { fail: { } }, send-mail: { return: { } } }
    events: [ { type: com.stationmaster.creation.genesis-retry.v1, subject: c } ]
    expect: { phase: running }",
    );
    let report = simulate(&shipped(), &scenario.unwrap().scenarios[0], &crate::Library::default());
    assert_eq!(report.failures, [""; 0]);
    let picture = svg(&shipped(), Some(&report.progress));
    let standing = |class: &str| boxes(&picture).iter().filter(|(found, _)| found.ends_with(class)).count();
    assert_eq!((standing(" active"), standing(" failed")), (2, 1), "waits in `generate`; `generateCode` failed");
    assert!(picture.contains(">×2<"), "Genesis was asked twice");
    let chart = mermaid(&shipped(), Some(&report.progress));
    assert!(
        chart.contains("awaitGenerationRetry <i>listen</i><br/>com.stationmaster.creation.retry.v1\"]:::active"),
        "{chart}"
    );
}
