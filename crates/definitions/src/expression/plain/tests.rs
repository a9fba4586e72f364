//! What is plain and what is not, and that the bound of what is plain holds.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Data, Evaluation, Evaluator, Expression, ExpressionError, InProcess,
    expression::bound::{self, Linear, NODE},
};

fn compile(source: &str) -> Expression {
    Expression::compile(source, &["$context", "$input"]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn ordinary_expressions_are_plain() {
    for source in [
        ".",
        ".a.b[0].c?",
        "$context + { verdict: . }",
        "{ approved: \"yes\", rejected: \"no\" }[$context.status]",
        "\"Create \\($input.name)?\\n\\($context.reason // \"\")\"",
        "$context.verdict.status == \"approved\" and .count > 3",
        "[ .decisions[].reason // empty ] | last // \"no reason given\"",
        ".items | map(.price) | add",
        ".items | map(select(.id == $input.id or .score >= 0.5))",
        "[.items[] | { id, total: (.price * 3), name: .name }]",
        ".orders | length > 0 and any(.paid)",
        ".a + .b - 1",
        "if .a then .b elif .c then .d else . end",
        "to_entries | map({ (.key): .value }) | add",
        "with_entries(.value |= tostring)",
        ". as { $name, tags: [$first] } | \"\\($name)-\\($first)\"",
        ".context.a = 1 | .list[].done |= not | del(.secret)",
        "try (.a | tonumber) catch 0",
        "IN(\"a\", \"b\")",
        ".colors + [\"red\"]",
        "@base64 \"\\(.user):\\(.password)\"",
    ] {
        assert!(compile(source).is_plain(), "{source}");
    }
}

#[test]
fn what_may_not_end_soon_is_not_plain() {
    for source in [
        "[range(3)]",
        "def f: 1; f",
        "reduce .[] as $x (0; . + $x)",
        ".a * .b",
        "\"x\" * $input.n",
        "test(\"a\")",
        "[.[] as $x | $context[] | . + $x]",
        "[.[] + .[]]",
        "map(. + $context)",
        "map(tojson + ($input | tojson))",
        ". - $input",
        "sort_by(.a)",
        "contains($input)",
        ".[$input]",
        "join($input)",
        "..",
        "[paths]",
        "try error($input) catch (tojson | length)",
        "12345678901234567890123456789012345678901234567890 * 2",
    ] {
        assert!(!compile(source).is_plain(), "{source}");
    }
}

fn is_plain_on(source: &str, input: Value) -> bool {
    #[derive(Debug)]
    struct Asked;
    impl Evaluator for Asked {
        fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError> {
            Ok(evaluation.is_plain().into())
        }
    }
    compile(source).evaluate(&input.into(), &|_| Data::NULL, &Asked).unwrap() == Data::from(true)
}

#[test]
fn what_is_plain_depends_on_the_size() {
    let items = |count| json!(vec![json!({"a": 1}); count]);
    assert!(is_plain_on("map(.a)", items(1000)));
    assert!(!is_plain_on("map(.a)", items(100_000)));
    assert!(is_plain_on(".[7].a", items(100_000)), "what is only looked up may be of any size");
    let doubled = |times| vec![". + ."; times].join(" | ");
    assert!(is_plain_on(&doubled(5), json!("x")));
    assert!(!is_plain_on(&doubled(60), json!("x")));
    assert!(!is_plain_on(&doubled(60).replace(". + .", "\"\\(.)\\(.)\""), json!("x")));
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("."),
        Just(".a"),
        Just(".[]?"),
        Just(".[0]?"),
        Just("$context"),
        Just("$context.a"),
        Just("7"),
        Just("\"é\\\"\""),
        Just("length"),
        Just("keys?"),
        Just("add?"),
        Just("to_entries?"),
        Just("tojson"),
        Just("@uri"),
        Just("null"),
        Just("first?"),
        Just("join(\",\")?"),
        Just("fromjson?"),
        Just("explode?"),
        Just("split(\"\")?"),
        Just("not"),
        Just("empty"),
    ];
    leaf.prop_map(str::to_owned).prop_recursive(5, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(l, r)| format!("({l} | {r})")),
            two.clone().prop_map(|(l, r)| format!("({l} + {r})?")),
            two.clone().prop_map(|(l, r)| format!("({l}, {r})")),
            two.clone().prop_map(|(l, r)| format!("({l} == {r})")),
            two.clone().prop_map(|(l, r)| format!("({l} // {r})")),
            two.clone().prop_map(|(l, r)| format!("{{a: {l}, b: {r}}}")),
            two.clone().prop_map(|(l, r)| format!("\"\\({l})-\\({r})\"")),
            two.clone().prop_map(|(l, r)| format!("({l} as $v | [$v, {r}])")),
            two.clone().prop_map(|(l, r)| format!("(if {l} then {r} else [.] end)")),
            two.prop_map(|(l, r)| format!("(.[]? |= ({l} | {r}))?")),
            inner.clone().prop_map(|x| format!("[{x}]")),
            inner.clone().prop_map(|x| format!("map({x})?")),
            inner.clone().prop_map(|x| format!("with_entries({x})?")),
            inner.clone().prop_map(|x| format!("select({x})")),
            inner.clone().prop_map(|x| format!("({x} * 3)?")),
            inner.clone().prop_map(|x| format!("(.[]? += {x})?")),
            inner.prop_map(|x| format!("(try {x} catch 1)")),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c\"é\u{1}]{0,9}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-c]", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a plain expression gives is never larger than its bound says.
    #[test]
    fn bounds_hold(source in expressions(), input in values(), context in values()) {
        let expression = compile(&format!("[{source}]"));
        let Some(bound) = expression.0.bound() else { return Ok(()) };
        let (input, context) = (Data::from(input), Data::from(context));
        let Ok(result) = expression.evaluate(&input, &|_| context.clone(), &InProcess::default()) else { return Ok(()) };
        let size = |data: &Data| bound::size_within([&data.0], 1e15).unwrap();
        let all = size(&input) + size(&context);
        let at = |linear: Linear| linear.input * size(&input) + linear.all * all + linear.fixed;
        prop_assert!(size(&result) <= at(bound.size) + NODE, "{source} gave {result}: {} > {}", size(&result), at(bound.size));
        prop_assert!(at(bound.cost) >= 0.0 && bound.cost.is_finite());
    }
}
