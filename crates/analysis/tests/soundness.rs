//! What is proved holds on the engine: random workflows, and random runs of those for which a guard is proved.
//!
//! The runs choose at random which call ends next, with which result, and when a timer fires. An observer reads the moves in
//! the order in which they happened and knows nothing of the graph: whoever begins `shift` must have a passage through `gate`
//! that came after the last `change`, and under `covers: once` one that no other `shift` has.

use std::{collections::BTreeMap, sync::Arc};

use analysis::{
    Library,
    verify::{Guards, verify},
};
use definitions::{Call, CallTarget, Data, Definition, Pointer, TaskKind};
use engine::{Fact, FactBody, Fault, FaultKind, Run, RunId, SEMANTICS, Timestamp, Trace};
use proptest::prelude::*;

/// A task of a random workflow.
#[derive(Debug, Clone)]
enum Piece {
    /// A call of `gate`, `shift`, `change` or `other`.
    Call(&'static str),
    Wait,
    Fail,
    /// A task that is run if the result of the last call was 1.
    If(Box<Self>),
    /// A jump within the list, to the place modulo its length, if the result of the last call was 1.
    Jump(usize),
    /// A task after which the flow leaves the list, or the run.
    Leave(&'static str),
    Do(Vec<Self>),
    Limited(Vec<Self>),
    For(Vec<Self>),
    Fork(bool, Vec<Self>),
    /// Body, handler, and whether it tries again.
    Try(Vec<Self>, Option<Vec<Self>>, bool),
}

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        6 => Just(Piece::Call("gate")),
        3 => Just(Piece::Call("shift")),
        1 => Just(Piece::Call("change")),
        2 => Just(Piece::Call("other")),
        1 => Just(Piece::Wait),
        1 => Just(Piece::Fail),
        1 => (0_usize..4).prop_map(Piece::Jump),
        1 => prop_oneof![Just("exit"), Just("end")].prop_map(Piece::Leave),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|piece| Piece::If(Box::new(piece))),
            list().prop_map(Piece::Do),
            list().prop_map(Piece::Limited),
            list().prop_map(Piece::For),
            (any::<bool>(), list()).prop_map(|(compete, branches)| Piece::Fork(compete, branches)),
            (list(), prop::option::of(list()), any::<bool>())
                .prop_map(|(body, handler, again)| Piece::Try(body, handler, again)),
        ]
    })
}

/// Writes a list as a workflow does; every task gets a name of its own.
fn list(pieces: &[Piece], names: &mut usize) -> String {
    let first = *names;
    *names += pieces.len();
    let task = |(index, piece): (usize, &Piece)| {
        format!("{{ t{}: {{ {} }} }}", first + index, write(piece, first, pieces.len(), names))
    };
    let tasks: Vec<_> = pieces.iter().enumerate().map(task).collect();
    format!("[ {} ]", tasks.join(", "))
}

fn write(piece: &Piece, first: usize, siblings: usize, names: &mut usize) -> String {
    match piece {
        Piece::Call(name) => format!("call: '{name}:1.0.0@default'"),
        Piece::Wait => "wait: PT1H".to_owned(),
        Piece::Fail => "raise: { error: { type: 'https://x.example/e', status: 500 } }".to_owned(),
        Piece::If(inner) if matches!(**inner, Piece::If(_)) => write(inner, first, siblings, names),
        Piece::If(inner) => format!("if: . == 1, {}", write(inner, first, siblings, names)),
        // A branch of a fork has no siblings to jump to, and stands in no list.
        Piece::Jump(_) | Piece::Leave(_) if siblings == 0 => "wait: PT1S".to_owned(),
        Piece::Jump(to) => format!("switch: [ {{ c: {{ when: . == 1, then: t{} }} }} ]", first + to % siblings),
        Piece::Leave(then) => format!("switch: [ {{ c: {{ when: . == 1, then: {then} }} }} ]"),
        Piece::Do(body) => format!("do: {}", list(body, names)),
        Piece::Limited(body) => format!("timeout: {{ after: PT30M }}, do: {}", list(body, names)),
        Piece::For(body) => format!("for: {{ in: '[1, 2]' }}, do: {}", list(body, names)),
        Piece::Fork(compete, branches) => {
            let tasks = branches.iter().map(|branch| {
                *names += 1;
                format!("{{ t{}: {{ {} }} }}", *names - 1, write(branch, 0, 0, names))
            });
            format!("fork: {{ compete: {compete}, branches: [ {} ] }}", tasks.collect::<Vec<_>>().join(", "))
        }
        Piece::Try(body, handler, again) => {
            let retry = if *again { "retry: { delay: PT1S, limit: { attempt: { count: 1 } } }" } else { "" };
            let body = list(body, names);
            let handler = handler.as_ref().map(|handler| format!("do: {}", list(handler, names)));
            let catch: Vec<_> =
                [Some(retry.to_owned()), handler].into_iter().flatten().filter(|part| !part.is_empty()).collect();
            format!("try: {body}, catch: {{ {} }}", catch.join(", "))
        }
    }
}

/// Reads the moves of a run.
#[derive(Debug, Default)]
struct Observer {
    once: bool,
    since: bool,
    passages: usize,
    /// Who has begun to shift and not ended, and whether what they used may be given back.
    shifting: Vec<(Pointer, bool)>,
    broken: Option<Pointer>,
}

impl Observer {
    fn see(&mut self, moved: &Trace, definition: &Definition) {
        let calls = |pointer: &Pointer, function: &str| match definition.task(pointer).map(|task| &task.kind) {
            Some(TaskKind::Call(Call { target: CallTarget::Host(name), .. })) => &*name.name == function,
            _ => false,
        };
        match moved {
            Trace::Entered(step) if calls(&step.pointer, "shift") => {
                if self.passages == 0 {
                    self.broken.get_or_insert_with(|| step.pointer.clone());
                }
                self.passages = self.passages.saturating_sub(usize::from(self.once));
                self.shifting.push((step.pointer.clone(), self.once));
            }
            Trace::Entered(step) if self.since && calls(&step.pointer, "change") => {
                self.passages = 0;
                self.shifting.iter_mut().for_each(|(_, back)| *back = false);
            }
            Trace::Left { step, .. } if calls(&step.pointer, "gate") => self.passages += 1,
            Trace::Left { step, .. } if calls(&step.pointer, "shift") => {
                self.shifting.retain(|(who, _)| *who != step.pointer)
            }
            // Whoever ends takes what is within with it: a shift that did not come to its end has used nothing up. One whose
            // `if` did not hold has not begun, and what stands within an iteration may begin again.
            Trace::Skipped(step) | Trace::Raised { step, .. } | Trace::Left { step, .. } | Trace::Cancelled(step) => {
                let within = format!("{}/", step.pointer);
                let (gone, rest) = std::mem::take(&mut self.shifting)
                    .into_iter()
                    .partition::<Vec<_>, _>(|(who, _)| *who == step.pointer || who.as_str().starts_with(&within));
                self.shifting = rest;
                self.passages += gone.iter().filter(|(_, back)| *back).count();
            }
            Trace::Entered(_) | Trace::Chose { .. } | Trace::Caught { .. } => {}
        }
    }
}

/// Runs a definition, choosing what happens by `choices`; gives the first `shift` that should not have been.
fn play(definition: &Arc<Definition>, choices: &[u8], once: bool, since: bool) -> Option<Pointer> {
    let mut run = Run::new(RunId(uuid::Uuid::from_u128(1)), Arc::clone(definition));
    let mut now = Timestamp::UNIX_EPOCH;
    let (input, workflows) = (Data::from(0), BTreeMap::new());
    let started = FactBody::Started { semantics: SEMANTICS, input, nonce: String::new(), workflows };
    let mut observer = Observer { once, since, ..Observer::default() };
    let mut next = Some(started);
    let mut choices = choices.iter();
    while let Some(body) = next.take() {
        let (_, moves) = run.trace(&mut Fact::new(now, body)).expect("the facts fit");
        // Skipped comes right after Entered: nothing begins in between.
        let skipped = |index: usize| matches!(moves.get(index + 1), Some(Trace::Skipped(_)));
        let begun =
            moves.iter().enumerate().filter(|(index, moved)| !(matches!(moved, Trace::Entered(_)) && skipped(*index)));
        begun.for_each(|(_, moved)| observer.see(moved, definition));
        let (pending, Some(choice)) = (run.pending(), choices.next()) else { break };
        let calls = pending.calls.len();
        let choice = usize::from(*choice);
        if pending.yielded {
            break; // a loop of pure tasks
        } else if choice % (calls + 1) < calls {
            let call = &pending.calls[choice % (calls + 1)];
            let (step, input_hash) = (call.step.clone(), call.input_hash.clone());
            next = Some(match choice / 16 % 4 {
                0 => FactBody::CallFaulted { step, input_hash, fault: Fault::new(FaultKind::Communication, "no") },
                1 => FactBody::CallCompleted { step, input_hash, output: Data::from(0) },
                _ => FactBody::CallCompleted { step, input_hash, output: Data::from(1) },
            });
        } else if let Some(timer) = pending.timer {
            now = timer.due;
            next = Some(FactBody::TimerFired { step: timer.step, timer: timer.kind });
        } else if let Some(call) = pending.calls.first() {
            let (step, input_hash) = (call.step.clone(), call.input_hash.clone());
            next = Some(FactBody::CallCompleted { step, input_hash, output: Data::from(1) });
        }
    }
    observer.broken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_run_breaks_what_is_proved(
        pieces in prop::collection::vec(piece(), 2..5),
        runs in prop::collection::vec(prop::collection::vec(any::<u8>(), 40), 12),
        once in any::<bool>(),
        since in any::<bool>(),
    ) {
        let head = "document: { dsl: '1.0.3', namespace: a, name: b, version: '1.0.0' }";
        let text = format!("{head}\ndo: {}", list(&pieces, &mut 0));
        let host: BTreeMap<String, String> = BTreeMap::new();
        let definition = Arc::new(Definition::parse(&text, &host).unwrap_or_else(|findings| panic!("{findings}\n{text}")));
        let covers = if once { "once" } else { "run" };
        let since_change = if since { ", since: [ { call: change } ]" } else { "" };
        let guards = format!("workflows: all\nguards: [ {{ name: it, before: [ {{ call: shift }} ], passes: [ {{ call: gate }} ], covers: {covers}{since_change} }} ]");
        let findings = verify(&definition, &Guards::parse(&guards).unwrap(), &Library::default());
        if findings.iter().all(|finding| finding.verdict.is_proved()) {
            for run in &runs {
                prop_assert_eq!(play(&definition, run, once, since), None, "{}\n{}", guards, text);
            }
        }
    }
}
