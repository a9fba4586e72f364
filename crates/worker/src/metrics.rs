//! What a worker measures, by the facade of the crate `metrics`; the binary installs the recorder.
//!
//! | name | kind | labels | meaning |
//! |---|---|---|---|
//! | `stationmaster_claims_total` | counter | `queue` | activations claimed |
//! | `stationmaster_claim_seconds` | histogram | `queue` | how long one claim took |
//! | `stationmaster_drives_total` | counter | `end` | activations driven, by how the drive ended |
//! | `stationmaster_drives` | gauge | | activations being driven |
//! | `stationmaster_facts_total` | counter | `fact` | facts committed, by name |
//! | `stationmaster_flush_facts` | histogram | | facts in one flush |
//! | `stationmaster_flush_seconds` | histogram | `end` | from handing a flush over to knowing how it ended |
//! | `stationmaster_calls_total` | counter | `function`, `end` | attempts of calls: done, deferred, faulted, dropped |
//! | `stationmaster_call_seconds` | histogram | `function` | how long an attempt took |
//! | `stationmaster_leases` | gauge | | leases held |
//! | `stationmaster_leases_lost_total` | counter | | leases lost before they were given back |
//! | `stationmaster_quarantined_total` | counter | | runs set aside |
//! | `stationmaster_events_routed_total` | counter | | events matched with those who wait |
//! | `stationmaster_deliveries_total` | counter | | events put into an inbox |
//! | `stationmaster_audit_sealed_total` | counter | | rows of the audit trail sealed |

use std::time::Instant;

use metrics::{counter, gauge, histogram};

/// Claims of a queue.
pub(crate) fn claimed(queue: &str, runs: usize, began: Instant) {
    histogram!("stationmaster_claim_seconds", "queue" => queue.to_owned()).record(began.elapsed().as_secs_f64());
    counter!("stationmaster_claims_total", "queue" => queue.to_owned()).increment(runs as u64);
}

/// A drive that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Driving {
    end: &'static str,
}

impl Driving {
    pub(crate) fn begin() -> Self {
        gauge!("stationmaster_drives").increment(1.0);
        Self { end: "dropped" }
    }

    /// It ended.
    pub(crate) fn end(mut self, end: &'static str) {
        self.end = end;
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        gauge!("stationmaster_drives").decrement(1.0);
        counter!("stationmaster_drives_total", "end" => self.end).increment(1);
    }
}

/// A flush that was handed over at `began`.
pub(crate) fn flushed(facts: usize, began: Instant, end: &'static str) {
    histogram!("stationmaster_flush_facts").record(facts as f64);
    histogram!("stationmaster_flush_seconds", "end" => end).record(began.elapsed().as_secs_f64());
}

/// A fact that was committed.
pub(crate) fn recorded(fact: &'static str) {
    counter!("stationmaster_facts_total", "fact" => fact).increment(1);
}

/// An attempt of a call that began at `began`.
pub(crate) fn called(function: &str, began: Instant, end: &'static str) {
    histogram!("stationmaster_call_seconds", "function" => function.to_owned()).record(began.elapsed().as_secs_f64());
    counter!("stationmaster_calls_total", "function" => function.to_owned(), "end" => end).increment(1);
}

/// How many leases are held.
pub(crate) fn leases(held: usize) {
    gauge!("stationmaster_leases").set(held as f64);
}

/// A lease was lost.
pub(crate) fn lease_lost() {
    counter!("stationmaster_leases_lost_total").increment(1);
}

/// A run was set aside.
pub(crate) fn quarantined() {
    counter!("stationmaster_quarantined_total").increment(1);
}

/// Events were routed.
pub(crate) fn routed(events: usize) {
    counter!("stationmaster_events_routed_total").increment(events as u64);
}

/// Events were put into inboxes.
pub(crate) fn delivered(matches: usize) {
    counter!("stationmaster_deliveries_total").increment(matches as u64);
}

/// Rows of the audit trail were sealed.
pub(crate) fn sealed(rows: usize) {
    counter!("stationmaster_audit_sealed_total").increment(rows as u64);
}
