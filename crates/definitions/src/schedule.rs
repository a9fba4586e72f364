//! When runs of a workflow start by themselves: the times of `schedule`, computed without a clock.
//!
//! What the DSL leaves open stands in `document.metadata.schedule` (DSL decision 23): `timezone` (an IANA name, UTC by
//! default), `overlap` (`allow` or `forbid`), `catchup` (`latest`, `all` or `none`) and `jitter` (a duration).
//!
//! Where clocks are put forward, a time that a cron expression names and that does not exist comes right after the gap;
//! where they are put back, it comes once, the first time. Expressions with a `*` or a step in the minute or the hour go by
//! elapsed time instead: nothing in the gap, and both passes of the repeated hour.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest, Sha256};

use crate::Strategy;

/// A time that passed this long ago without a run is one that was missed.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// When runs start, and what becomes of times that pass unused.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What starts a run.
    pub trigger: Trigger,
    /// Whether a run starts while the one before it is still under way.
    pub overlap: bool,
    /// What becomes of the times that passed while nothing could start a run.
    pub catch_up: CatchUp,
    /// Runs start up to this much later than their time.
    pub jitter: TimeDelta,
}

/// What starts a run.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// A time: again and again after this span.
    Every(TimeDelta),
    /// A time: those of a cron expression.
    Cron(Cron),
    /// A time: at once, and then this long after the previous run has ended.
    After(TimeDelta),
    /// An event; the input is the array of what came, as envelopes.
    On(Strategy),
}

/// What becomes of the times that passed while nothing could start a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// One run, for the latest of them.
    #[default]
    Latest,
    /// A run for each of them.
    All,
    /// No run.
    None,
}

/// A cron expression of five fields, and the time zone in which it is read.
#[derive(Clone)]
pub struct Cron {
    text: Arc<str>,
    pattern: Box<croner::Cron>,
    zone: Tz,
}

impl Cron {
    /// Reads an expression, and the IANA name of a time zone.
    ///
    /// # Errors
    /// What is wrong with either, for the author.
    pub fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(text).map_err(|error| error.to_string())?;
        let zone = zone.parse().map_err(|_| format!("there is no time zone `{zone}`"))?;
        Ok(Self { text: text.into(), pattern: Box::new(pattern), zone })
    }

    /// The first time after `at`, if there ever is one.
    #[must_use]
    pub fn after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let found = self.pattern.find_next_occurrence(&at.with_timezone(&self.zone), false).ok()?;
        Some(found.with_timezone(&Utc)).filter(|found| *found > at)
    }

    /// The last time until `at`, which counts.
    fn until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let found = self.pattern.find_previous_occurrence(&at.with_timezone(&self.zone), true).ok()?;
        Some(found.with_timezone(&Utc)).filter(|found| *found <= at)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({} in {})", self.text, self.zone)
    }
}

/// Which times a schedule has used up, and which is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The times for which a run starts now, the earliest first.
    pub starts: Vec<DateTime<Utc>>,
    /// The time after those.
    pub next: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first time of a schedule that is registered at `at`; none for events.
    #[must_use]
    pub fn first(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.trigger {
            Trigger::Every(_) | Trigger::Cron(_) => self.next(at),
            Trigger::After(_) => Some(at),
            Trigger::On(_) => None,
        }
    }

    /// What follows from `time` having come, at `now`; at most `limit` times are used up at once.
    #[must_use]
    pub fn advance(&self, time: DateTime<Utc>, now: DateTime<Utc>, limit: usize) -> Advance {
        let (mut passed, mut next) = (vec![time], self.next(time));
        while let Some(time) = next.filter(|next| *next <= now && (passed.len() < limit || !self.keeps_all())) {
            if !self.keeps_all() {
                passed.clear();
            }
            passed.push(time);
            next = self.skip(time, now);
        }
        if self.catch_up == CatchUp::None {
            passed.retain(|time| now - *time <= GRACE);
        }
        Advance { starts: passed, next }
    }

    /// When the next run starts after one that has ended at `ended`; none where the end of a run starts nothing.
    #[must_use]
    pub fn after_end(&self, ended: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.trigger {
            Trigger::After(span) => ended.checked_add_signed(*span),
            Trigger::Every(_) | Trigger::Cron(_) | Trigger::On(_) => None,
        }
    }

    /// When the run for `time` starts: the time, and as much of the jitter as `seed` gives, the same each time.
    #[must_use]
    pub fn due(&self, time: DateTime<Utc>, seed: &str) -> DateTime<Utc> {
        let digest = Sha256::digest(format!("{seed} {}", time.timestamp_millis()));
        let number = digest[..8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let span = u64::try_from(self.jitter.num_milliseconds()).unwrap_or(0).saturating_add(1);
        let late = TimeDelta::milliseconds(i64::try_from(number % span).unwrap_or(0));
        time.checked_add_signed(late).unwrap_or(time)
    }

    fn keeps_all(&self) -> bool {
        self.catch_up == CatchUp::All
    }

    fn next(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.trigger {
            Trigger::Every(span) => time.checked_add_signed(*span),
            Trigger::Cron(cron) => cron.after(time),
            Trigger::After(_) | Trigger::On(_) => None,
        }
    }

    /// The next time after `time`; where nobody asks for those in between, the latest until `now`.
    fn skip(&self, time: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let latest = match &self.trigger {
            _ if self.keeps_all() => None,
            Trigger::Every(span) => {
                let (span, behind) = (span.num_milliseconds().max(1), (now - time).num_milliseconds());
                time.checked_add_signed(TimeDelta::milliseconds(behind - behind % span))
            }
            Trigger::Cron(cron) => cron.until(now),
            Trigger::After(_) | Trigger::On(_) => None,
        };
        latest.filter(|latest| *latest > time).or_else(|| self.next(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn schedule(trigger: Trigger, catch_up: CatchUp) -> Schedule {
        Schedule { trigger, overlap: true, catch_up, jitter: TimeDelta::zero() }
    }

    fn times(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(text, zone).unwrap();
        let times = std::iter::successors(cron.after(at(from)), |time| cron.after(*time));
        times.take(count).map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).collect()
    }

    #[test]
    fn a_time_of_the_day_is_one_of_its_zone() {
        assert_eq!(
            times("0 2 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", 2),
            ["2026-01-01T20:30:00Z", "2026-01-02T20:30:00Z"]
        );
        assert_eq!(
            times("30 9 1 * MON", "UTC", "2026-06-02T00:00:00Z", 2),
            ["2026-06-08T09:30:00Z", "2026-06-15T09:30:00Z"]
        );
    }

    /// Berlin goes from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
    #[test]
    fn a_fixed_time_that_does_not_exist_comes_after_the_gap_and_one_that_repeats_comes_once() {
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
    }

    #[test]
    fn an_interval_goes_by_elapsed_time_through_both() {
        assert_eq!(
            times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
        );
        let autumn = times("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
    }

    #[test]
    fn what_is_no_expression_or_zone_is_refused() {
        for text in ["61 * * * *", "* * * * * *", "* * * *", "0 0 30 FOO *", "@daily@"] {
            assert!(Cron::parse(text, "UTC").is_err(), "{text}");
        }
        assert!(Cron::parse("0 2 * * *", "Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
        assert_eq!(Cron::parse("0 0 30 2 *", "UTC").unwrap().after(at("2026-01-01T00:00:00Z")), None, "never");
    }

    #[test]
    fn missed_times_are_caught_up_as_asked() {
        let hourly = || Trigger::Every(TimeDelta::hours(1));
        let (time, now) = (at("2026-01-01T01:00:00Z"), at("2026-01-01T04:30:00Z"));
        let next = Some(at("2026-01-01T05:00:00Z"));
        let of = |catch_up| schedule(hourly(), catch_up).advance(time, now, 100);
        assert_eq!(of(CatchUp::Latest), Advance { starts: vec![at("2026-01-01T04:00:00Z")], next });
        assert_eq!(of(CatchUp::All).starts.len(), 4);
        assert_eq!(of(CatchUp::None), Advance { starts: Vec::new(), next });
        let few = schedule(hourly(), CatchUp::All).advance(time, now, 3);
        assert_eq!((few.starts.len(), few.next), (3, Some(at("2026-01-01T04:00:00Z"))), "the rest comes next");
        let nightly = Trigger::Cron(Cron::parse("0 2 * * *", "UTC").unwrap());
        let late =
            schedule(nightly, CatchUp::Latest).advance(at("2026-01-01T02:00:00Z"), at("2026-03-01T00:00:00Z"), 5);
        let next = Some(at("2026-03-01T02:00:00Z"));
        assert_eq!(late, Advance { starts: vec![at("2026-02-28T02:00:00Z")], next });
    }

    #[test]
    fn a_time_that_has_just_come_is_not_missed() {
        let (time, now) = (at("2026-01-01T01:00:00Z"), at("2026-01-01T01:00:10Z"));
        let advance = schedule(Trigger::Every(TimeDelta::hours(1)), CatchUp::None).advance(time, now, 100);
        assert_eq!(advance.starts, [time]);
    }

    #[test]
    fn the_end_of_a_run_starts_the_next_only_where_the_schedule_says_so() {
        let after = schedule(Trigger::After(TimeDelta::hours(1)), CatchUp::Latest);
        let time = at("2026-01-01T00:00:00Z");
        assert_eq!(after.first(time), Some(time));
        assert_eq!(after.advance(time, time, 9), Advance { starts: vec![time], next: None });
        assert_eq!(after.after_end(time), Some(at("2026-01-01T01:00:00Z")));
        assert_eq!(schedule(Trigger::Every(TimeDelta::hours(1)), CatchUp::Latest).after_end(time), None);
    }

    #[test]
    fn jitter_is_bounded_and_the_same_each_time() {
        let mut schedule = schedule(Trigger::Every(TimeDelta::hours(1)), CatchUp::Latest);
        schedule.jitter = TimeDelta::seconds(30);
        let time = at("2026-01-01T00:00:00Z");
        let late = schedule.due(time, "a") - time;
        assert!(late >= TimeDelta::zero() && late <= TimeDelta::seconds(30), "{late}");
        assert_eq!(schedule.due(time, "a"), schedule.due(time, "a"));
        assert_ne!(schedule.due(time, "a"), schedule.due(time, "b"));
    }
}
