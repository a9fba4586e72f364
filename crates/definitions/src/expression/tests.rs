//! What expressions give, what is refused when they are compiled, and how those that run away end.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

fn evaluate(source: &str, input: Value) -> Result<Value, String> {
    let expression = Expression::compile(source, &["$context"]).map_err(|error| error.reason)?;
    let context = Data::from(json!({"rate": 2}));
    let result = expression.evaluate(&input.into(), &|_| context.clone(), &InProcess::default());
    result.map(|data| Value::from(&data)).map_err(|error| error.reason)
}

#[test]
fn expressions_give_their_first_output() {
    for (source, input, expected) in [
        (".a.b + 1", json!({"a": {"b": 1}}), json!(2)),
        (".a * $context.rate", json!({"a": 21}), json!(42)),
        ("empty", json!(1), json!(null)),
        ("1, 2", json!(null), json!(1)),
        (". as {a: $x} | $x", json!({"a": "ü"}), json!("ü")),
        (r#""\(.a)-\(.b)""#, json!({"a": 1, "b": [2]}), json!("1-[2]")),
        ("[range(3)]", json!(null), json!([0, 1, 2])),
        ("[range(0; 10; 4)]", json!(null), json!([0, 4, 8])),
        ("[limit(3; repeat(1))]", json!(null), json!([1, 1, 1])),
        ("[.[] | until(. > 100; . * 2)]", json!([1, 7]), json!([128, 112])),
        ("[1 | while(. < 20; . * 3)]", json!(null), json!([1, 3, 9])),
        ("[paths]", json!({"a": [1]}), json!([["a"], ["a", 0]])),
        (
            "recurse(if has(\"a\") then .a else empty end).b |= 1",
            json!({"a": {"b": 2}, "b": 3}),
            json!({"a": {"b": 1}, "b": 1}),
        ),
        ("IN(1, 2)", json!(2), json!(true)),
        ("INDEX(.id)", json!([{"id": 1}]), json!({"1": {"id": 1}})),
        ("fromjson", json!("{\"a\": [1.5]}"), json!({"a": [1.5]})),
        ("@base64", json!("ab"), json!("YWI=")),
        ("test(\"^a+$\")", json!("aaa"), json!(true)),
        ("def add2: . + 2; add2 | add2", json!(1), json!(5)),
        (".colors + [\"red\"]", json!({}), json!(["red"])),
        ("18446744073709551615", json!(null), json!(u64::MAX)),
        ("36893488147419103232 | [.]", json!(null), json!([36_893_488_147_419_103_232.0])),
        ("0.5", json!(null), json!(0.5)),
    ] {
        assert_eq!(evaluate(source, input), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_unknown_is_refused_when_compiled() {
    for (source, part) in [
        ("$missing", "unknown variable `$missing`; here there are $context"),
        ("$__loc__", "unknown variable"),
        ("nosuch(1)", "unknown function `nosuch` of 1 arguments"),
        (". |", "expected"),
        ("", "expected"),
        (".a ]", "expected"),
        ("import \"a\" as a; 1", "expected"),
        ("include \"a\"; 1", "expected"),
        ("a::b", "unknown module `a`"),
        ("break $x", "unknown label"),
    ] {
        let error = evaluate(source, json!(null)).unwrap_err();
        assert!(error.contains(part), "{source}: {error}");
    }
}

#[test]
fn an_expression_is_a_pure_function() {
    for name in IMPURE_CALLS {
        let error = Expression::compile(name, &[]).unwrap_err();
        assert!(error.reason.contains("is not available"), "{error}");
    }
}

const IMPURE_CALLS: [&str; 12] = [
    "now",
    "localtime",
    "env",
    "$ENV",
    "input",
    "inputs",
    "halt",
    "halt(1)",
    "halt_error",
    "debug",
    "stderr",
    "debug_empty",
];

#[test]
fn results_must_be_json() {
    for (source, part) in [
        ("1 / 0", "which JSON lacks"),
        ("[nan]", "which JSON lacks"),
        ("{(1): 2}", "keys must be strings"),
        ("[1] | tobytes", "binary string"),
        ("error(\"no\")", "no"),
        ("1 | .a", "cannot index 1"),
        ("reduce range(101) as $i (0; [.])", "nests deeper"),
        ("label $out | reduce range(200) as $i (1e300; . * 10)", "which JSON lacks"),
    ] {
        let error = evaluate(source, json!(null)).unwrap_err();
        assert!(error.contains(part), "{source}: {error}");
    }
}

#[test]
fn long_errors_are_cut() {
    let error = evaluate("error(\"é\" * 10000)", json!(null)).unwrap_err();
    assert_eq!(error.chars().count(), jq_error_chars() + 1);
}

fn jq_error_chars() -> usize {
    500
}

#[test]
fn evaluations_end() {
    for source in [
        "last(range(1e12))",
        "[range(1e10)]",
        "[limit(1e9; repeat(1))]",
        "until(false; .)",
        "try until(false; .) catch 1",
        "last(recurse(.))",
        "[1 | while(true; .)]",
        "[range(infinite)] | length",
        "path(last(recurse(.)))",
    ] {
        let error = evaluate(source, json!(null)).unwrap_err();
        assert!(error.contains("too long") || error.contains("steps"), "{source}: {error}");
    }
}

#[test]
fn an_evaluation_without_time_ends_at_its_first_step() {
    let expression = Expression::compile("[range(10)]", &[]).unwrap();
    let hurried = InProcess(Limits { time: Duration::ZERO, ..Limits::default() });
    let error = expression.evaluate(&Data::NULL, &|_| Data::NULL, &hurried).unwrap_err();
    assert_eq!(error.reason, "it took too long");
    assert!(error.is_exceeded() && !error.is_unavailable());
}

#[test]
fn a_definition_that_calls_itself_is_for_another_process() {
    for source in ["def f: f; f", "def f(g): def h: 1 + f(g); h; f(.)", "def f: if . > 9 then . else . + 1 | f end; f"]
    {
        let expression = Expression::compile(source, &[]).unwrap();
        assert!(!expression.is_plain());
        let error = expression.evaluate(&Data::NULL, &|_| Data::NULL, &InProcess::default()).unwrap_err();
        assert!(error.reason.contains("`f` calls itself"), "{error}");
    }
}

#[test]
fn results_have_a_limit() {
    let limits = InProcess(Limits { bytes: 100, ..Limits::default() });
    let evaluate = |source| Expression::compile(source, &[]).unwrap().evaluate(&Data::NULL, &|_| Data::NULL, &limits);
    assert!(evaluate("\"x\" * 90").is_ok());
    assert!(evaluate("\"x\" * 110").unwrap_err().reason.contains("larger than 100 bytes"));
    assert!(evaluate("[range(110)]").is_err());
}

/// Neither the compiler nor an evaluation may overflow the stack, which would end the process.
#[test]
fn nesting_is_bounded() {
    let size = 8 << 10;
    for unit in
        ["[", "(", "{a:", "-", ".|", "1+", "try ", "if ", "def f: ", "\"\\(", ".[", ". as $x|", "..", "reduce ", "?"]
    {
        let source = unit.repeat(size / unit.len());
        let error = Expression::compile(&source, &[]).unwrap_err();
        assert!(!error.reason.is_empty());
        let closed = format!("{}1", unit.repeat(size / unit.len() - 1));
        drop(Expression::compile(&closed, &[]));
    }
    assert!(Expression::compile(&" ".repeat(size + 1), &[]).unwrap_err().reason.contains("longer"));
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(evaluate(&nested(90), json!(null)).map(drop), Ok(()));
    assert!(evaluate(&nested(300), json!(null)).unwrap_err().contains("deeper than 256"));
    assert!(evaluate("\"[\" * 100000 | fromjson", json!(null)).unwrap_err().contains("recursion limit"));
}

#[test]
fn the_deepest_allowed_expressions_fit_a_small_stack() {
    let deep = [
        format!("{}1", "1 + ".repeat(250)),
        format!("{}.", ". | ".repeat(250)),
        format!("{}1", "-".repeat(250)),
        format!("{}1", ". as $x | ".repeat(250)),
        format!("{}1{}", "[".repeat(95), "]".repeat(95)),
        format!("{{{}}}", (0..240).map(|n| format!("a{n}: 1")).collect::<Vec<_>>().join(",")),
        format!("{}0{}", "if . then ".repeat(120), " else 1 end".repeat(120)),
        format!("{}0{}", "(try ".repeat(120), ")".repeat(120)),
        format!("\"{}\"", "\\(1)".repeat(250)),
    ];
    let evaluate_all = || deep.iter().map(|source| evaluate(source, json!(1)).map(drop)).collect::<Vec<_>>();
    let results = std::thread::Builder::new().stack_size(2 << 20).spawn_scoped_and_join(evaluate_all);
    for (result, source) in results.iter().zip(&deep) {
        assert_eq!(result, &Ok(()), "{source}");
    }
}

trait SpawnScopedAndJoin {
    fn spawn_scoped_and_join<T: Send>(self, work: impl FnOnce() -> T + Send) -> T;
}

impl SpawnScopedAndJoin for std::thread::Builder {
    fn spawn_scoped_and_join<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| self.spawn_scoped(scope, work).unwrap().join().unwrap())
    }
}

#[test]
fn equal_sources_share_a_program() {
    let first = Expression::compile(".shared + $input.a", &["$input", "$context"]).unwrap();
    let second = Expression::compile(".shared + $input.a", &["$input"]).unwrap();
    assert!(Arc::ptr_eq(&first.0, &second.0));
    assert_eq!(first.variables().collect::<Vec<_>>(), ["$input"]);
    let error = Expression::compile(".shared + $input.a", &["$context"]).unwrap_err();
    assert!(error.reason.contains("unknown variable `$input`"), "{error}");
}

#[test]
fn the_cache_forgets_what_nobody_holds() {
    let cache = Cache::default();
    for number in 0..1200 {
        let program = jq::Program::compile(&number.to_string(), &[]).unwrap();
        drop(cache.insert(Arc::new(program)));
    }
    assert!(cache.0.lock().unwrap().by_source.len() <= 1025);
}

#[test]
fn expressions_go_between_threads() {
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<Expression>();
}
