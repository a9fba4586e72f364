//! The jq dialect of definitions: which functions exist, how a program is compiled, and what ends its evaluation.
//!
//! The interpreter has no fuel of its own. Every function that can repeat without end (`range`, `repeat`, `recurse`, `while`,
//! `until`) is therefore replaced by one that passes through `tick`, which ends the whole evaluation, past any `try`, once
//! its time or its steps are used up. What remains unbounded is work that grows with the data (nested iterations of a large
//! input, repeated doubling) and definitions that call themselves: [`super::plain`] tells what has none of it.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use jaq_core::{
    Compiler, Ctx, DataT, Error, Exn, Filter, Lut, Native, Vars,
    compile::Undefined,
    data::HasLut,
    load::{
        self, Arena, File, Loader,
        lex::Lexer,
        parse::{Def, Parser, Term},
    },
    native::{Fun, bome, run, v},
};
use jaq_json::Val;

use super::{bound::Bound, plain, scan::Scan};
use crate::Data;

/// Longest source, in bytes.
const SOURCE_BYTES: usize = 8 << 10;
/// Deepest syntax tree.
const DEPTH: usize = 256;
/// Steps of generators (`range`, `repeat`, …) in one evaluation.
const STEPS: u32 = 1_000_000;
/// Stack of a compilation: the parser recurses for each nested character of a source.
const STACK_BYTES: usize = 128 << 20;
/// Longest error text, in characters.
const ERROR_CHARS: usize = 500;

/// Functions of jq that would make an expression more than a function of its input, and why each is missing.
const IMPURE: [(&[&str], &str); 4] = [
    (&["now", "localtime", "strflocaltime"], "an expression reads no clock and no time zone: use `$task.startedAt`"),
    (&["env", "input_filename", "get_search_list", "$ENV"], "an expression reads nothing of its process"),
    (&["input", "inputs", "input_line_number"], "there is one input, `.`"),
    (&["halt", "halt_error", "debug", "stderr", "debug_empty", "stderr_empty"], "an expression only gives a value"),
];

/// Replacements of the library's unbounded functions, and functions of jq that the library lacks.
const PRELUDE: &str = r"
def range($from; $to; $by): range_native($from; $to; $by) | tick;
def repeat(f): def rec: tick | f, rec; rec;
def recurse(f): def rec: tick | ., (f | rec); rec;
def while(cond; update): def rec: tick | if cond then ., (update | rec) else {}[] end; rec;
def until(cond; update): def rec: tick | if cond then . else update | rec end; rec;
";
const EXTRAS: &str = r"
def IN(s): any(s == .; .);
def IN(source; s): any(source == s; .);
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def ascii: [.] | implode;
";

/// The types of an evaluation: plain values, and the budget as what native functions can reach.
pub(super) struct Bounded;

impl DataT for Bounded {
    type V<'a> = Val;
    type Data<'a> = &'a Budget<'a>;
}

/// What is left of an evaluation's limits.
pub(super) struct Budget<'a> {
    functions: &'a Lut<Bounded>,
    deadline: Instant,
    steps: Cell<u32>,
}

impl<'a> HasLut<'a, Bounded> for &'a Budget<'a> {
    fn lut(&self) -> &'a Lut<Bounded> {
        self.functions
    }
}

#[derive(Clone, Copy)]
#[repr(i32)]
enum Exhausted {
    Time = 1,
    Steps = 2,
}

impl Budget<'_> {
    /// One step; the clock is looked at every 64 steps, the first included.
    fn step(&self) -> Result<(), Exhausted> {
        let left = self.steps.get();
        if left == 0 {
            return Err(Exhausted::Steps);
        }
        self.steps.set(left - 1);
        if left.is_multiple_of(64) && Instant::now() > self.deadline {
            self.steps.set(0);
            return Err(Exhausted::Time);
        }
        Ok(())
    }
}

/// A compiled expression.
pub(super) struct Program {
    source: Arc<str>,
    variables: Box<[Box<str>]>,
    filter: Filter<Bounded>,
    bound: Option<Bound>,
    recursive: Option<Box<str>>,
}

/// Why there is no output.
#[derive(Debug)]
pub(super) enum Failure {
    Raised(String),
    TookTooLong,
}

impl Program {
    /// Compiles on a thread of its own, whose stack suffices for the deepest nesting that a source can have.
    pub(super) fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        if source.len() > SOURCE_BYTES {
            return Err(format!("it is longer than {SOURCE_BYTES} bytes"));
        }
        std::thread::scope(|scope| {
            let build = std::thread::Builder::new().name("jq-compile".to_owned()).stack_size(STACK_BYTES);
            let thread = build
                .spawn_scoped(scope, || build_program(source, variables))
                .map_err(|error| format!("no thread to compile it: {error}"))?;
            thread.join().unwrap_or_else(|_| Err("the jq compiler failed on it".to_owned()))
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|name| &**name)
    }

    /// What it costs, where that is shown to be linear.
    pub(super) fn bound(&self) -> Option<&Bound> {
        self.bound.as_ref()
    }

    /// A definition in it that calls itself.
    pub(super) fn recursive(&self) -> Option<&str> {
        self.recursive.as_deref()
    }

    /// The first output, `null` where there is none.
    pub(super) fn first_output(&self, input: &Data, values: &[Data], time: Duration) -> Result<Val, Failure> {
        let raised = |reason: &str| Failure::Raised(reason.to_owned());
        let deadline = Instant::now().checked_add(time).ok_or_else(|| raised("its time limit is out of range"))?;
        let budget = Budget { functions: &self.filter.lut, deadline, steps: Cell::new(STEPS) };
        let evaluate = || {
            let context = Ctx::<Bounded>::new(&budget, Vars::new(values.iter().map(|value| value.0.clone())));
            self.filter.id.run((context, input.0.clone())).next().unwrap_or(Ok(Val::Null)).map_err(describe)
        };
        catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|_| Err(raised("the jq interpreter failed on it")))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn describe(exception: Exn<'_, Val>) -> Failure {
    let exception = match exception.get_err() {
        Ok(error) => return Failure::Raised(shorten(&error.to_string())),
        Err(exception) => exception,
    };
    match exception.get_halt() {
        Ok(code) if code == Exhausted::Time as i32 => Failure::TookTooLong,
        Ok(_) => Failure::Raised(format!("it took more than {STEPS} steps")),
        Err(_) => Failure::Raised("it left a loop that it is not in".to_owned()),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn build_program(source: &str, variables: &[&str]) -> Result<Program, String> {
    let term = parse_term(source)?;
    let Scan { variables: named, calls, recursive, .. } = scan(&term)?;
    let used: Vec<&str> = variables.iter().copied().filter(|name| named.contains(name)).collect();
    let (definitions, functions) = LIBRARY.select(&calls);
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: source, path: () })
        .map_err(|errors| load_error(source, &errors))?;
    let filter = Compiler::default()
        .with_funs(functions)
        .with_global_vars(used.iter().copied())
        .compile(modules)
        .map_err(|errors| compile_error(errors.iter().flat_map(|(_, errors)| errors), variables))?;
    Ok(Program {
        source: source.into(),
        variables: used.into_iter().map(Box::from).collect(),
        filter,
        bound: plain::bound(&term),
        recursive: recursive.map(|(name, _)| name.into()),
    })
}

/// Parses the source as one term, so that it cannot import a module.
fn parse_term(source: &str) -> Result<Term<&str>, String> {
    let tokens = Lexer::new(source).lex().map_err(|errors| {
        let at = errors.first().map(|(expected, rest)| (expected.as_str(), *rest));
        syntax_error(source, at)
    })?;
    Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| {
        let at = errors.first().map(|(expected, found)| (expected.as_str(), found.map_or("", |token| token.as_str())));
        syntax_error(source, at)
    })
}

/// Checks the shape of a term.
fn scan<'s>(term: &Term<&'s str>) -> Result<Scan<'s>, String> {
    let scan = Scan::of(term);
    if scan.depth > DEPTH {
        return Err(format!("it nests deeper than {DEPTH} levels"));
    }
    Ok(scan)
}

type LoadErrors<'s> = load::Errors<&'s str, ()>;

fn load_error(source: &str, errors: &LoadErrors<'_>) -> String {
    let at = errors.first().and_then(|(_, error)| match error {
        load::Error::Lex(errors) => errors.first().map(|(expected, rest)| (expected.as_str(), *rest)),
        load::Error::Parse(errors) => errors.first().map(|(expected, rest)| (expected.as_str(), *rest)),
        load::Error::Io(_) => Some(("no import", "")),
    });
    syntax_error(source, at)
}

fn syntax_error(source: &str, at: Option<(&str, &str)>) -> String {
    let Some((expected, rest)) = at else { return "it is not valid jq".to_owned() };
    let column =
        source.len().checked_sub(rest.len()).and_then(|end| source.get(..end)).map(|text| text.chars().count());
    let rest: String = rest.chars().take(20).collect();
    match (column, rest.is_empty()) {
        (_, true) => format!("expected {expected} at its end"),
        (Some(column), false) if source.ends_with(&rest) || source.contains(&rest) => {
            format!("expected {expected} at character {}, before `{rest}`", column + 1)
        }
        (_, false) => format!("expected {expected} before `{rest}`"),
    }
}

fn compile_error<'e>(errors: impl Iterator<Item = &'e (&'e str, Undefined)>, variables: &[&str]) -> String {
    let texts: BTreeSet<String> = errors
        .map(|(name, kind)| {
            let reason = IMPURE.iter().find(|(names, _)| names.contains(name)).map(|(_, reason)| reason);
            match (kind, reason) {
                (_, Some(reason)) => format!("`{name}` is not available: {reason}"),
                (Undefined::Var, None) => {
                    format!("unknown variable `{name}`; here there are {}", variables.join(", "))
                }
                (Undefined::Filter(arity), None) => format!("unknown function `{name}` of {arity} arguments"),
                (kind, None) => format!("unknown {} `{name}`", kind.as_str()),
            }
        })
        .collect();
    texts.into_iter().collect::<Vec<_>>().join("; ")
}

static LIBRARY: LazyLock<Library> = LazyLock::new(Library::new);

/// The functions written in jq, in an order in which each follows what it calls.
struct Library {
    definitions: Vec<(Def, BTreeSet<&'static str>)>,
    by_name: BTreeMap<&'static str, Vec<usize>>,
}

impl Library {
    fn new() -> Self {
        let prelude = parse(PRELUDE);
        let replaced = |def: &Def| prelude.iter().any(|own| own.name == def.name && own.args.len() == def.args.len());
        let stock = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let stock: Vec<Def> = stock.filter(|def| !is_impure(def.name) && !replaced(def)).collect();
        let definitions: Vec<_> = prelude
            .iter()
            .cloned()
            .chain(stock)
            .chain(parse(EXTRAS))
            .map(|definition| {
                let calls = Scan::of_definition(&definition).calls;
                (definition, calls)
            })
            .collect();
        let mut by_name = BTreeMap::<_, Vec<_>>::new();
        for (index, (definition, _)) in definitions.iter().enumerate() {
            by_name.entry(definition.name).or_default().push(index);
        }
        Self { definitions, by_name }
    }

    /// What the named functions need, directly and through others: compiling all of the library would cost ten times more.
    fn select<'s>(&self, calls: &BTreeSet<&'s str>) -> (Vec<Def<&'s str>>, Vec<Fun<Bounded>>) {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut indices = BTreeSet::new();
        let mut open: Vec<&str> = calls.iter().copied().collect();
        while let Some(name) = open.pop() {
            if !names.insert(name) {
                continue;
            }
            for &index in self.by_name.get(name).into_iter().flatten() {
                indices.insert(index);
                open.extend(&self.definitions[index].1);
            }
        }
        let functions = natives().filter(|(name, ..)| names.contains(name) && !is_impure(name)).collect();
        (indices.into_iter().map(|index| self.definitions[index].0.clone()).collect(), functions)
    }
}

fn parse(source: &'static str) -> Vec<Def> {
    load::parse(source, |parser| parser.defs()).expect("invariant: the library is valid jq")
}

fn is_impure(name: &str) -> bool {
    IMPURE.iter().any(|(names, _)| names.contains(&name))
}

/// The functions written in Rust: those of jaq, some under another name or with another body, and `tick`.
fn natives() -> impl Iterator<Item = Fun<Bounded>> {
    let stock = jaq_core::funs::<Bounded>().chain(jaq_std::funs()).chain(jaq_json::funs());
    let renamed = stock.filter(|(name, ..)| *name != "fromjson").map(|(name, arguments, function)| {
        let name = if name == "range" { "range_native" } else { name };
        (name, arguments, function)
    });
    let from_json = run::<Bounded>(("fromjson", v(0), |cv| bome(from_json(&cv.1))));
    renamed.chain([("tick", v(0), tick()), from_json])
}

/// The identity that costs a step; it keeps paths, so that `path(recurse(f))` and `recurse(f) |= g` work.
fn tick() -> Native<Bounded> {
    Native::<Bounded>::new(|(context, value)| {
        let step = context.data().step();
        Box::new(std::iter::once(step.map(|()| value).map_err(|why| Exn::halt(why as i32))))
    })
    .with_paths(|(context, value)| {
        let step = context.data().step();
        Box::new(std::iter::once(step.map(|()| value).map_err(|why| Exn::halt(why as i32))))
    })
    .with_update(|(context, value), update| match context.data().step() {
        Ok(()) => update(value),
        Err(why) => Box::new(std::iter::once(Err(Exn::halt(why as i32)))),
    })
}

/// `fromjson`, with a bound on the nesting that the stock one lacks.
fn from_json(value: &Val) -> Result<Val, Error<Val>> {
    let text = match value {
        Val::TStr(text) => text,
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
            return Err(Error::str(format_args!("cannot parse what is no string as JSON")));
        }
    };
    let parsed = serde_json::from_slice::<Data>(text);
    parsed.map(|data| data.0).map_err(|error| Error::str(format_args!("cannot parse the text as JSON: {error}")))
}
