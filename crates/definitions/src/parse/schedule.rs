//! `schedule`, and what `document.metadata.schedule` says about it.

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;

use super::{At, Moment, Parsed, Parser, Scope, value::both};
use crate::{CatchUp, Cron, Delay, EventFilter, Schedule, Strategy, Trigger};

/// What `document.metadata.schedule` says.
struct Policy {
    zone: String,
    overlap: bool,
    catch_up: CatchUp,
    jitter: TimeDelta,
}

impl<'a> Parser<'a> {
    /// The schedule at `at`, in a document with this `document`.
    pub(super) fn schedule(&mut self, at: &At<'a>, document: Option<&At<'a>>) -> Parsed<Schedule> {
        let policy = self.policy_of(document);
        let mut fields = self.fields(at)?;
        let (every, cron) = (fields.get("every"), fields.get("cron"));
        let (after, on) = (fields.get("after"), fields.get("on"));
        fields.finish(self)?;
        let policy = policy?;
        let trigger = match (every, cron, after, on) {
            (Some(every), None, None, None) => self.interval(&every).map(Trigger::Every)?,
            (None, Some(cron), None, None) => self.cron(&cron, &policy.zone).map(Trigger::Cron)?,
            (None, None, Some(after), None) => self.interval(&after).map(Trigger::After)?,
            (None, None, None, Some(on)) => self.trigger_event(&on).map(Trigger::On)?,
            _ => {
                let message = "exactly one of `every`, `cron`, `after` and `on` is expected";
                return self.refuse(at, "schedule", message, Some("make a workflow for each".to_owned()));
            }
        };
        Ok(Schedule { trigger, overlap: policy.overlap, catch_up: policy.catch_up, jitter: policy.jitter })
    }

    fn trigger_event(&mut self, at: &At<'a>) -> Parsed<Strategy> {
        let scope = Scope { moment: Moment::Envelope, locals: Vec::new() };
        let mut fields = self.fields(at)?;
        if let Some(until) = fields.get("until") {
            let hint = "start a run by the first event, and let it `listen` until the last";
            return self.unsupported(&until, "`until` of a schedule", hint);
        }
        let strategy = self.strategy(at, &scope)?;
        if let Strategy::All(filters) = &strategy {
            let keys = |filter: &EventFilter| -> BTreeSet<_> {
                let open = filter.correlate.iter().filter(|correlation| correlation.expect.is_none());
                open.map(|correlation| Arc::clone(&correlation.key)).collect()
            };
            if filters.iter().any(|filter| keys(filter) != keys(&filters[0])) {
                let hint = "correlate each of the events by the same keys";
                return self.unsupported(at, "`all` of events that only some keys correlate", hint);
            }
        }
        Ok(strategy)
    }

    fn interval(&mut self, at: &At<'_>) -> Parsed<TimeDelta> {
        match Delay::from_data(&at.node.to_data()) {
            Ok(span) if span >= TimeDelta::seconds(1) => Ok(span),
            Ok(_) => self.refuse(at, "schedule", "a schedule repeats at most once a second", None),
            Err(error) => self.refuse(at, "schedule", error.to_string(), None),
        }
    }

    fn cron(&mut self, at: &At<'_>, zone: &str) -> Parsed<Cron> {
        let text = self.text(at)?;
        Cron::parse(text, zone).or_else(|reason| {
            let hint = "minute, hour, day of the month, month, day of the week: `0 2 * * *`".to_owned();
            self.refuse(at, "schedule", format!("`{text}` is no cron expression of five fields: {reason}"), Some(hint))
        })
    }

    /// `document.metadata.schedule`.
    fn policy_of(&mut self, document: Option<&At<'a>>) -> Parsed<Policy> {
        let inside = |at: &At<'a>, name: &str| {
            at.entries().unwrap_or_default().into_iter().find(|(entry, _)| *entry == name).map(|(_, at)| at)
        };
        let at = document.and_then(|at| inside(at, "metadata")).and_then(|at| inside(&at, "schedule"));
        let mut policy =
            Policy { zone: "UTC".to_owned(), overlap: true, catch_up: CatchUp::Latest, jitter: TimeDelta::zero() };
        let Some(at) = at else { return Ok(policy) };
        let mut fields = self.fields(&at)?;
        if let Some(at) = fields.get("timezone") {
            self.text(&at)?.clone_into(&mut policy.zone);
            if let Err(reason) = Cron::parse("* * * * *", &policy.zone) {
                return self.refuse(&at, "schedule", reason, Some("name one such as `Europe/Berlin`".to_owned()));
            }
        }
        let overlap = fields.get("overlap").map(|at| self.word(&at, &["allow", "forbid"])).transpose();
        let catch_up = fields.get("catchup").map(|at| self.word(&at, &["latest", "all", "none"])).transpose();
        let jitter = fields.get("jitter").map(|at| self.span(&at)).transpose();
        fields.finish(self)?;
        let (overlap, (catch_up, jitter)) = both(overlap, both(catch_up, jitter))?;
        policy.overlap = overlap != Some("forbid");
        policy.catch_up = match catch_up {
            Some("all") => CatchUp::All,
            Some("none") => CatchUp::None,
            _ => CatchUp::Latest,
        };
        policy.jitter = jitter.unwrap_or_default();
        Ok(policy)
    }

    fn span(&mut self, at: &At<'_>) -> Parsed<TimeDelta> {
        Delay::from_data(&at.node.to_data()).or_else(|error| self.refuse(at, "duration", error.to_string(), None))
    }
}
