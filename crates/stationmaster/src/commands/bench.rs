//! `bench`: what durable steps cost here, beside the physical floor of the same machine in the same minutes.
//!
//! ```text
//!  for every repetition: ours ─ floor      (interleaved, so that both meet the same noise)
//!                          └── a bed: one database; a service for each measurement, closed again after it
//! ```
//!
//! Only the ratios of one run mean anything on a machine that others use too; processor seconds and bytes of log per run are
//! the figures that noise hardly touches.

mod bed;
mod floor;
mod growth;
mod latency;
mod measure;
mod report;
mod signal;
mod throughput;

use serde_json::json;

use self::{bed::Bed, floor::History, report::Report};
use crate::{
    cli::{self, Workload},
    output::{Failure, Output},
};

/// Runs the workloads that were asked for.
pub(crate) async fn bench(output: Output, arguments: &cli::Bench) -> Result<(), Failure> {
    let bed = Bed::make(arguments).await?;
    let measured = measure(output, arguments, &bed).await;
    let closed = bed.close().await;
    let reports = measured?;
    closed?;
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let documents: Vec<_> = reports.iter().map(Report::document).collect();
    output.document(
        || json!({ "version": env!("CARGO_PKG_VERSION"), "cores": cores, "repeat": arguments.repeat, "workloads": documents }),
    );
    Ok(())
}

async fn measure(output: Output, arguments: &cli::Bench, bed: &Bed) -> Result<Vec<Report>, Failure> {
    store::floor::create(bed.store()).await?;
    let service = bed.service(1).await?;
    let history = floor::sample(&service).await?;
    service.close().await?;
    let mut reports = Vec::new();
    for workload in &arguments.workload {
        let report = match workload {
            Workload::Throughput => throughput(arguments, bed, &history).await?,
            Workload::Latency => latency(arguments, bed, &history).await?,
            Workload::Growth => growth(arguments, bed).await?,
            Workload::Signal => signal(arguments, bed, &history).await?,
        };
        report.print(output);
        reports.push(report);
    }
    store::floor::remove(bed.store()).await?;
    Ok(reports)
}

async fn throughput(arguments: &cli::Bench, bed: &Bed, history: &History) -> Result<Report, Failure> {
    let (n, in_flight) = (arguments.n.unwrap_or(2000), arguments.in_flight.max(1));
    let (mut ours, mut floors, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.repeat.max(1) {
        ours.push(throughput::measure(bed, n, in_flight).await?);
        floors.push(floor::throughput(bed, history, n, in_flight).await?);
        single.push(floor::single_rows(bed, history).await?);
    }
    let title = format!("W1 {n} runs of 5 steps, {in_flight} in flight");
    let mut report = Report::new("throughput", title);
    report.usage(&ours, &floors, n as f64, bed::STEPS_PER_RUN as f64);
    report.figure("single_row_commits_per_second", "single-row commits per second", report::median(&single), None);
    Ok(report)
}

async fn latency(arguments: &cli::Bench, bed: &Bed, history: &History) -> Result<Report, Failure> {
    let (n, repeat) = (arguments.n.unwrap_or(500), arguments.repeat.max(1));
    // The end rides on the last step's commit: as many commits as facts.
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for part in 0..repeat {
        let share = floor::share(n, repeat, part);
        ours.extend(latency::measure(bed, share).await?);
        floors.extend(floor::latency(bed, history, history.len(), share).await?);
    }
    let mut report = Report::new("latency", format!("W2 start to end of 5 steps, {n} runs, alone"));
    report.latencies(&ours, &floors);
    Ok(report)
}

async fn signal(arguments: &cli::Bench, bed: &Bed, history: &History) -> Result<Report, Failure> {
    let (n, repeat) = (arguments.n.unwrap_or(500), arguments.repeat.max(1));
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for part in 0..repeat {
        let share = floor::share(n, repeat, part);
        ours.extend(signal::measure(bed, share).await?);
        floors.extend(floor::latency(bed, history, signal::COMMITS, share).await?);
    }
    let mut report = Report::new("signal", format!("W3 event posted to run ended, {n} runs, alone"));
    report.latencies(&ours, &floors);
    Ok(report)
}

async fn growth(arguments: &cli::Bench, bed: &Bed) -> Result<Report, Failure> {
    let n = arguments.n.unwrap_or(10_000);
    let long = growth::long(bed, n).await?;
    let mut report = Report::new("growth", format!("one run of {n} steps; then steps with large results"));
    let keys = [
        ("first_quarter_steps_per_second", "steps per second, first quarter"),
        ("second_quarter_steps_per_second", "  second quarter"),
        ("third_quarter_steps_per_second", "  third quarter"),
        ("last_quarter_steps_per_second", "  last quarter"),
    ];
    for ((key, label), quarter) in keys.into_iter().zip(&long.quarters) {
        report.figure(key, label, n as f64 / 4.0 / quarter.as_secs_f64(), None);
    }
    report.figure("wal_bytes_per_step", "WAL bytes per step", long.usage.wal_bytes as f64 / n as f64, None);
    report.figure(
        "own_cpu_ms_per_step",
        "CPU ms per step, this process",
        long.usage.own_cpu_seconds * 1e3 / n as f64,
        None,
    );
    for (key, label, bytes) in [
        ("wal_bytes_per_step_of_1_kb", "WAL bytes per step with a result of 1 KB", 1 << 10),
        ("wal_bytes_per_step_of_64_kb", "  of 64 KB", 64 << 10),
        ("wal_bytes_per_step_of_1_mb", "  of 1 MB", 1 << 20),
    ] {
        let usage = growth::large(bed, bytes).await?;
        report.figure(key, label, usage.wal_bytes as f64 / growth::large_steps(), None);
    }
    Ok(report)
}
