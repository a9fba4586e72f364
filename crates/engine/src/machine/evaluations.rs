//! The evaluations of one burst: where one of them exceeds a limit, that is chance, and a replay must go the same way.
//!
//! When a fact is new, what its burst meets is noted in it ([`Chance`]). When it is folded again, what was noted is met again
//! without evaluating, and anything else must stay within its limits, for which it gets more time than it had.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use definitions::{Data, Evaluation, Evaluator, ExpressionError};

use crate::{Chance, SharedEvaluator};

/// How many times the limits an expression may use that stayed within them when it was first evaluated.
const AGAIN: u32 = 4;

/// Evaluations of expressions that are not plain before a new burst yields: each may take a second.
const HARD: u32 = 16;

/// The evaluations of a burst.
#[derive(Debug)]
pub(super) struct Evaluations {
    evaluator: SharedEvaluator,
    /// What the burst met when its fact was new; nothing if it is new now.
    recorded: Option<Chance>,
    met: RefCell<Chance>,
    count: Cell<u32>,
    hard: Cell<u32>,
    trouble: RefCell<Option<String>>,
}

impl Evaluations {
    /// Those of the burst of the fact `burst`; `recorded` is what it met before.
    pub(super) fn new(evaluator: &SharedEvaluator, burst: u64, recorded: Option<Chance>) -> Self {
        Self {
            evaluator: Arc::clone(evaluator),
            recorded,
            met: RefCell::new(Chance { burst, ..Chance::default() }),
            count: Cell::new(0),
            hard: Cell::new(0),
            trouble: RefCell::default(),
        }
    }

    /// Whether a burst that has made so many moves ends here, although there is more to do.
    pub(super) fn yields(&self, moves: u32) -> bool {
        match &self.recorded {
            Some(recorded) => recorded.moves == Some(moves),
            None if self.hard.get() >= HARD => {
                self.met.borrow_mut().moves = Some(moves);
                true
            }
            None => false,
        }
    }

    /// What was met, to be recorded.
    pub(super) fn met(&self) -> Option<Chance> {
        let met = self.met.take();
        (met.moves.is_some() || !met.exceeded.is_empty()).then_some(met)
    }

    /// Why the fact cannot be applied now, although nothing is wrong with it.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.take()
    }
}

impl Evaluator for Evaluations {
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError> {
        let (number, source) = (self.count.replace(self.count.get() + 1), evaluation.expression.source());
        if !evaluation.expression.is_plain() {
            self.hard.set(self.hard.get() + 1);
        }
        let met = self.recorded.as_ref().and_then(|recorded| recorded.exceeded.get(&number));
        if let Some(reason) = met {
            return Err(ExpressionError::exceeded(source, reason.as_str()));
        }
        let patience = if self.recorded.is_some() { AGAIN } else { 1 };
        let result = self.evaluator.evaluate(&Evaluation { patience, ..evaluation.clone() });
        if let Err(error) = &result {
            if error.is_unavailable() {
                *self.trouble.borrow_mut() = Some(error.to_string());
            } else if error.is_exceeded() && self.recorded.is_some() {
                let reason = format!("{error}, which it did not when its run first came here");
                *self.trouble.borrow_mut() = Some(reason);
            } else if error.is_exceeded() {
                self.met.borrow_mut().exceeded.insert(number, error.reason().to_owned());
            }
        }
        result
    }
}
