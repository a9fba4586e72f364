//! Calls and gates: asking the scenario for answers.

use chrono::TimeDelta;
use definitions::Data;
use engine::{Call, CloudEvent, FactBody, Fault};

use super::{BURSTS, Happening, World};
use crate::simulate::gates::{Gate, RESOLVED};

impl World<'_> {
    /// Has every call that is pending and was not asked yet answered, and lets long bursts go on.
    pub(super) fn ask(&mut self) {
        for member in 0..self.members.len() {
            let mut bursts = 0;
            while self.members[member].run.pending().yielded {
                bursts += 1;
                if bursts > BURSTS {
                    return self.fail("the run computes on and on and never waits: a loop without an end".to_owned());
                }
                self.fact(member, FactBody::Continued);
            }
            for call in self.members[member].run.pending().calls {
                if self.members[member].asked.insert((call.step.clone(), call.attempt)) {
                    self.call(member, &call);
                }
            }
        }
    }

    fn call(&mut self, member: usize, call: &Call) {
        let (name, version) = (call.function.name.to_string(), call.function.version.to_string());
        *self.report.calls.entry((call.step.pointer.clone(), name.clone(), version)).or_default() += 1;
        let (answer, after) = match self.answer(call) {
            Some(answer) => answer,
            None if name == "open-gate" => (Ok(self.open(call)), TimeDelta::zero()),
            None if name == "expire-gate" => (Ok(self.expire(call)), TimeDelta::zero()),
            None => {
                let place = crate::place(&call.step.pointer);
                let arguments = Self::short(&call.input);
                return self.fail(format!(
                    "nothing answers `{name}` for {place} with {arguments}; add `calls: {{ {name}: {{ return: … }} }}`"
                ));
            }
        };
        self.tell_call(member, call);
        let (step, input_hash) = (call.step.clone(), call.input_hash.clone());
        let body = match answer {
            Ok(output) => FactBody::CallCompleted { step, input_hash, output },
            Err(fault) => FactBody::CallFaulted { step, input_hash, fault },
        };
        self.arrange(after, Happening::Fact(member, body));
    }

    /// The scenario's answer: for the task, or else for the function.
    fn answer(&mut self, call: &Call) -> Option<(Result<Data, Fault>, TimeDelta)> {
        let (function, pointer) = (&call.function, &call.step.pointer);
        let mut answers = self.scenario.calls.iter();
        let of_task = answers.find(|(name, _)| name.names(pointer));
        let mut answers = self.scenario.calls.iter();
        let (name, answers) =
            of_task.or_else(|| answers.find(|(name, _)| name.is_function(&function.name, &function.version)))?;
        let count = self.answered.entry(format!("call {name}")).or_default();
        *count += 1;
        answers.at(*count - 1).map(|answer| (answer.to(&call.input), answer.after.0))
    }

    fn open(&mut self, call: &Call) -> Data {
        let gate = Gate::open(self.gates.len() + 1, &call.step.pointer, &call.input, self.now);
        self.entry(0, &call.step.pointer, gate.describe(), false);
        let answer = Data::from_entries([("gateId", Data::from(gate.id.clone()))]);
        let decisions = self.scenario.decisions.iter().enumerate();
        for index in gate.takes(decisions.filter(|(index, _)| !self.decided.contains(index))) {
            self.decided.insert(index);
            self.arrange(self.scenario.decisions[index].after.0, Happening::Decision(self.gates.len(), index));
        }
        self.gates.push(gate);
        answer
    }

    fn expire(&mut self, call: &Call) -> Data {
        let id = call.input.get("gateId").unwrap_or_default();
        let gate = self.gates.iter_mut().find(|gate| Some(&*gate.id) == id.as_str());
        gate.map_or(Data::NULL, Gate::expire)
    }

    /// A decision of the scenario about a gate.
    pub(super) fn decide(&mut self, gate: usize, decision: usize) {
        let decision = &self.scenario.decisions[decision];
        let now = self.now;
        let Some(gate) = self.gates.get_mut(gate) else { return };
        let (id, pointer, outcome) = (gate.id.clone(), gate.pointer.clone(), gate.decide(decision, now));
        let who = format!("{} ({}) decides on {id}: {:?}", decision.by, decision.role, decision.verdict).to_lowercase();
        match outcome {
            Ok(resolved) => {
                self.entry(0, &pointer, who.clone(), false);
                if let Some(data) = resolved {
                    self.arrange(TimeDelta::zero(), Happening::Event(resolution(&id, data)));
                }
                if decision.refused {
                    self.fail(format!("{who}: this was not to count, and does"));
                }
            }
            Err(why) => {
                self.entry(0, &pointer, format!("{who}, refused: {why}"), true);
                if !decision.refused {
                    self.fail(format!("{who}: this does not count: {why}"));
                }
            }
        }
    }
}

/// The event that says what became of a gate.
fn resolution(id: &str, data: Data) -> CloudEvent {
    CloudEvent {
        id: id.to_owned(),
        source: format!("/gates/{id}"),
        specversion: "1.0".to_owned(),
        kind: RESOLVED.to_owned(),
        time: None,
        subject: Some(id.to_owned()),
        datacontenttype: None,
        data,
        extensions: serde_json::Map::new(),
    }
}
