//! Figures of a workload, ours beside the floor's: as a table for people, as one object for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::measure::Usage;
use crate::output::Output;

/// One figure.
#[derive(Debug)]
struct Figure {
    key: &'static str,
    label: &'static str,
    ours: f64,
    floor: Option<f64>,
}

/// What one workload showed.
#[derive(Debug)]
pub(super) struct Report {
    key: &'static str,
    title: String,
    figures: Vec<Figure>,
}

impl Report {
    pub(super) fn new(key: &'static str, title: String) -> Self {
        Self { key, title, figures: Vec::new() }
    }

    /// Adds a figure; `floor` is the same figure of the floor, if it has one. What was too little to be seen there gives no
    /// ratio.
    pub(super) fn figure(&mut self, key: &'static str, label: &'static str, ours: f64, floor: Option<f64>) {
        let floor = floor.filter(|floor| *floor > 0.0);
        self.figures.push(Figure { key, label, ours, floor });
    }

    /// Adds the medians of what runs cost, ours and the floor's.
    pub(super) fn usage(&mut self, ours: &[Usage], floor: &[Usage], runs: f64, steps: f64) {
        let mut pair = |key, label, of: &dyn Fn(&Usage) -> Option<f64>| {
            let ours = ours.iter().filter_map(of).collect::<Vec<_>>();
            let floor = floor.iter().filter_map(of).collect::<Vec<_>>();
            if !ours.is_empty() {
                self.figure(key, label, median(&ours), (!floor.is_empty()).then(|| median(&floor)));
            }
        };
        pair("steps_per_second", "steps per second", &|usage| Some(runs * steps / usage.seconds));
        pair("cpu_ms_per_run", "CPU ms per run", &|usage| {
            Some((usage.own_cpu_seconds + usage.postgres_cpu_seconds?) * 1e3 / runs)
        });
        pair("own_cpu_ms_per_run", "  of this process", &|usage| Some(usage.own_cpu_seconds * 1e3 / runs));
        pair("postgres_cpu_ms_per_run", "  of PostgreSQL", &|usage| Some(usage.postgres_cpu_seconds? * 1e3 / runs));
        pair("wal_bytes_per_run", "WAL bytes per run", &|usage| Some(usage.wal_bytes as f64 / runs));
        pair("commits_per_step", "commits per step", &|usage| Some(usage.commits as f64 / (runs * steps)));
        pair("fsyncs_per_step", "fsyncs per step", &|usage| Some(usage.fsyncs? as f64 / (runs * steps)));
        pair("resident_mib", "memory MiB", &|usage| Some(usage.resident_bytes as f64 / f64::from(1 << 20)));
    }

    /// Adds the distribution of durations, ours and the floor's.
    pub(super) fn latencies(&mut self, ours: &[Duration], floor: &[Duration]) {
        for (key, label, part) in [
            ("p50_ms", "p50 ms", 0.5),
            ("p90_ms", "p90 ms", 0.9),
            ("p99_ms", "p99 ms", 0.99),
            ("max_ms", "max ms", 1.0),
        ] {
            self.figure(key, label, quantile(ours, part), (!floor.is_empty()).then(|| quantile(floor, part)));
        }
    }

    /// Prints the table.
    pub(super) fn print(&self, output: Output) {
        output.line(|| format!("{:<44}{:>12}{:>12}{:>8}", self.title, "ours", "floor", "ratio"));
        for figure in &self.figures {
            let (floor, ratio) = match figure.floor {
                Some(floor) => (number(floor), format!("{:.2}", figure.ours / floor)),
                None => (String::new(), String::new()),
            };
            output.line(|| format!("  {:<42}{:>12}{floor:>12}{ratio:>8}", figure.label, number(figure.ours)));
        }
        output.line(String::new);
    }

    /// The object, and the name it goes by.
    pub(super) fn document(&self) -> Value {
        let figures: Map<_, _> = self.figures.iter().map(|figure| (figure.key.to_owned(), figure.document())).collect();
        json!({ "workload": self.key, "title": self.title, "figures": figures })
    }
}

impl Figure {
    fn document(&self) -> Value {
        let mut object = json!({ "ours": self.ours });
        if let Some(floor) = self.floor {
            object["floor"] = floor.into();
            object["ratio"] = (self.ours / floor).into();
        }
        object
    }
}

/// The middle value.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (Some(upper), 0) => f64::midpoint(sorted[sorted.len() / 2 - 1], *upper),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}

/// The duration, in milliseconds, that a part of all stays within.
fn quantile(durations: &[Duration], part: f64) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1e3)
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
        let durations: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let at = |part| quantile(&durations, part).round() as u32;
        assert_eq!((at(0.5), at(0.99), at(1.0)), (50, 99, 100));
    }

    #[test]
    fn the_object_has_the_ratio_where_there_is_a_floor() {
        let mut report = Report::new("throughput", "t".to_owned());
        report.figure("a", "A", 1.0, Some(4.0));
        report.figure("b", "B", 1.0, None);
        assert_eq!(
            report.document()["figures"],
            json!({ "a": { "ours": 1.0, "floor": 4.0, "ratio": 0.25 }, "b": { "ours": 1.0 } })
        );
    }
}
