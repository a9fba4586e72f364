//! Differences between small versions.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn compare(old: &str, new: &str) -> Value {
    let parse = |version: &str, body: &str| {
        let source = format!("document: {{ dsl: '1.0.3', namespace: a, name: b, version: '{version}' }}\n{body}");
        let host: BTreeMap<String, String> = BTreeMap::new();
        Definition::parse(&source, &host).unwrap_or_else(|findings| panic!("{findings}"))
    };
    serde_json::to_value(diff(&parse("1.0.0", old), &parse("1.0.0", new))).unwrap()
}

#[test]
fn the_same_is_no_change() {
    let body = "do: [ { a: { call: 'f:1.0.0@default' } }, { b: { wait: PT1H } } ]";
    assert_eq!(compare(body, body), json!({"changes": [], "stranded": []}));
}

#[test]
fn tasks_are_known_by_their_names_and_not_by_their_places() {
    let old = "do: [ { a: { call: 'f:1.0.0@default' } }, { b: { wait: PT1H } }, { c: { set: { x: 1 } } } ]";
    let new = "do: [ { n: { set: { x: 1 } } }, { b: { wait: PT2H, then: end } }, { c: { set: { x: 1 } } }, { a: { call: 'f:1.0.0@default' } } ]";
    assert_eq!(
        compare(old, new),
        json!({
            "changes": [
                {"place": "n", "change": "added"},
                {"place": "b", "change": "modified", "properties": {
                    "then": {"was": null, "is": "end"}, "wait": {"was": "PT1H", "is": "PT2H"},
                }},
                {"place": "a", "change": "moved"},
            ],
            "stranded": [],
        })
    );
}

#[test]
fn a_change_within_a_task_is_not_one_of_the_task() {
    let body = |inner: &str, delay: &str| {
        format!(
            "do: [ {{ t: {{ try: [ {inner} ], catch: {{ retry: {{ delay: {delay} }}, do: [ {{ h: {{ set: {{ x: 1 }} }} }} ] }} }} }} ]"
        )
    };
    let found = compare(&body("{ a: { set: { x: 1 } } }", "PT1S"), &body("{ a: { set: { x: 2 } } }", "PT1S"));
    assert_eq!(found["changes"].as_array().unwrap().len(), 1);
    assert_eq!(found["changes"][0]["place"], "t › a");
    let found = compare(&body("{ a: { set: { x: 1 } } }", "PT1S"), &body("{ a: { set: { x: 1 } } }", "PT2S"));
    assert_eq!(found["changes"][0]["place"], "t");
}

#[test]
fn a_run_cannot_stand_where_nothing_is() {
    let old = "do: [ { d: { do: [ { a: { listen: { to: { one: { with: { type: x } } } } } } ] } }, { b: { wait: PT1H } }, { c: { call: 'f:1.0.0@default' } }, { s: { set: { x: 1 } } } ]";
    let new = "do: [ { d: { for: { in: '.l' }, do: [ { a: { listen: { to: { one: { with: { type: x } } } } } } ] } }, { c: { call: 'f:2.0.0@default' } } ]";
    let stranded = compare(old, new)["stranded"].clone();
    assert_eq!(
        stranded,
        json!([
            {"pointer": "/do/0/d/do/0/a", "reason": "`d` was a `do`, and is a `for`"},
            {"pointer": "/do/1/b", "reason": "`b` is gone"},
            {"pointer": "/do/2/c", "reason": "`c` was a call of `f:1.0.0`, and is a call of `f:2.0.0`"},
        ])
    );
}

#[test]
fn what_stands_beside_the_tasks_is_compared_too() {
    let found =
        compare("do: [ { a: { set: { x: 1 } } } ]", "timeout: { after: P1D }\ndo: [ { a: { set: { x: 1 } } } ]");
    assert_eq!(found["changes"][0]["place"], "the workflow");
    assert_eq!(found["changes"][0]["properties"]["timeout"]["is"], json!({"after": "P1D"}));
}

#[test]
fn a_function_that_was_rewritten_is_a_change() {
    let parse = |text: &str| {
        let source = "document: { dsl: '1.0.3', namespace: a, name: b, version: '1.0.0' }\ndo: [ { a: { call: 'f:1.0.0@default' } } ]";
        Definition::parse(source, &BTreeMap::from([("f:1.0.0".to_owned(), text.to_owned())])).unwrap()
    };
    let found = diff(&parse("wait: PT1H"), &parse("wait: PT2H"));
    assert_eq!((&*found.changes[0].place, found.stranded.len()), ("f:1.0.0", 1));
    assert_eq!(diff(&parse("wait: PT1H"), &parse("wait: PT1H")).stranded, []);
}
