//! Definitions by people who mean harm: each ends in an error of the expression, and nothing else happens.
//!
//! The children are this very test program, started again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use definitions::{Data, Definition, Evaluator, Expression, ExpressionError, InProcess, TaskKind};
use sandbox::{Config, Limits, Pool};
use serde_json::{Value, json};

/// The children's test: does nothing, unless it was started for a pool.
#[test]
fn child() {
    if std::env::args().any(|argument| argument == "--exact") {
        sandbox::serve().unwrap();
    }
}

fn config() -> Config {
    Config::new(std::env::current_exe().unwrap(), ["child", "--exact", "--nocapture"])
}

fn evaluate(evaluator: &dyn Evaluator, source: &str, input: Value) -> Result<Value, ExpressionError> {
    let variable = Data::from(json!({ "factor": 2 }));
    let expression = Expression::compile(source, &["$context"]).unwrap();
    expression.evaluate(&input.into(), &|_| variable.clone(), evaluator).map(|data| Value::from(&data))
}

fn corpus() -> BTreeMap<String, Definition> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let parse = |file: &Path| {
        let parsed = Definition::parse(&fs::read_to_string(file).unwrap(), &BTreeMap::new());
        parsed.unwrap_or_else(|findings| panic!("{}: {findings}", file.display()))
    };
    files.map(|file| (file.display().to_string(), parse(&file))).collect()
}

#[test]
fn a_hostile_definition_ends_in_an_error() {
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let (pool, corpus) = (Pool::new(Config { limits, ..config() }), corpus());
    assert!(corpus.len() > 40);
    let mut survivors = Vec::new();
    for (name, definition) in &corpus {
        let task = &definition.workflow.body.0[0];
        let TaskKind::Set(template) = &task.kind else { panic!("{name} does not set") };
        match template.evaluate(&Data::object(), &|_| Data::NULL, &pool) {
            Ok(data) => {
                survivors.push(format!("{name} gave {}", data.to_string().chars().take(80).collect::<String>()))
            }
            Err(error) if error.is_unavailable() => survivors.push(format!("{name}: {error}")),
            Err(_) => {}
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
    assert_eq!(evaluate(&pool, "[limit(2; repeat(1))]", json!(null)).unwrap(), json!([1, 1]), "the pool goes on");
}

#[test]
fn an_error_says_which_limit_was_exceeded() {
    let pool = Pool::new(config());
    for (source, reason) in [
        ("reduce range(1e9) as $i (0; . + 1)", "it took"),
        ("\"x\" * 1000000000000 | length", "it took too much memory"),
        ("def f: 1 + f; f", "it recursed too deeply"),
    ] {
        let error = evaluate(&pool, source, json!(null)).unwrap_err();
        assert!(error.reason().starts_with(reason), "{error}");
    }
    assert!(evaluate(&pool, "def f: 1 + f; f", json!(null)).unwrap_err().is_exceeded());
    let raised = evaluate(&pool, "[range(2)] | error(\"no\")", json!(null)).unwrap_err();
    assert!(raised.reason().contains("no") && !raised.is_exceeded() && !raised.is_unavailable());
}

/// Data goes to a child and back unharmed.
#[test]
fn a_child_gives_what_this_process_would() {
    let pool = Pool::new(config());
    let input = json!({"items": [{"n": 1, "s": "ü\u{1F600}\n"}, {"n": 2.5, "s": ""}], "big": u64::MAX, "small": -1e-300, "no": null});
    for source in [
        "reduce .items[] as $x (0; . + $x.n) * $context.factor",
        "[range(3)] + [.]",
        ".items | sort_by(.n) | map(.s * 2)",
        "[paths]",
        "[.. | numbers]",
        "def f: if length > 3 then . else . + [length] | f end; [] | f",
        ".items | map(select(.s | test(\"\\n\")))",
        "[.[]] | tojson | fromjson",
        "{(\"a\", \"b\"): range(2)}",
        "[range(3)] | .[5] = 1",
    ] {
        let expected = match evaluate(&InProcess::default(), source, input.clone()) {
            Err(error) if error.reason().contains("calls itself") => Ok(json!([0, 1, 2, 3])),
            result => result,
        };
        let given = evaluate(&pool, source, input.clone());
        assert_eq!(given, expected, "{source}");
    }
}

#[test]
fn what_is_plain_needs_no_child() {
    let pool = Pool::new(Config { program: "/nonexistent".into(), ..config() });
    assert_eq!(evaluate(&pool, ".a + $context.factor", json!({"a": 40})).unwrap(), json!(42));
    let error = evaluate(&pool, "[range(3)]", json!(null)).unwrap_err();
    assert!(error.is_unavailable() && error.reason().contains("no evaluator can be started"), "{error}");
}

#[test]
fn many_ask_at_once_and_nobody_is_harmed_by_his_neighbour() {
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let pool = Pool::new(Config { limits, children: 2, ..config() });
    thread::scope(|scope| {
        for number in 0..16 {
            let pool = &pool;
            scope.spawn(move || match number % 4 {
                0 => assert!(evaluate(pool, "def f: f; f", json!(null)).unwrap_err().is_exceeded()),
                1 => assert!(evaluate(pool, "\"x\" * 1e15 | length", json!(null)).is_err()),
                _ => assert_eq!(evaluate(pool, "[range(.)] | add", json!(5)).unwrap(), json!(10)),
            });
        }
    });
}

#[test]
fn data_that_is_too_deep_for_a_message_is_the_expressions_error() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let error = evaluate(&Pool::new(config()), "[range(1)] + .", deep).unwrap_err();
    assert!(error.reason().contains("recursion limit") && !error.is_unavailable(), "{error}");
}
