//! How a step's cost grows with the length of its run's history, and with the size of its result.

use std::time::{Duration, Instant};

use definitions::Data;
use serde_json::json;

use super::{
    bed::{Bed, STEPS_PER_RUN, Service, fresh},
    measure::{Meter, Usage},
};
use crate::output::Failure;

/// One run that calls the function once for each of `n` items.
const LONG: &str = r"
document: { dsl: '1.0.3', namespace: bench, name: long, version: '1.0.0' }
do:
  - each:
      for: { each: item, in: '${ [range($workflow.input.n)] }' }
      do:
        - step: { call: 'bench-step:1.0.0@default', with: { n: '${ $item }' } }
";

/// Five calls whose results have a size.
const LARGE: &str = r"
document: { dsl: '1.0.3', namespace: bench, name: large, version: '1.0.0' }
do:
  - one: { call: 'bench-step:1.0.0@default', with: { bytes: '${ $workflow.input.bytes }' } }
  - two: { call: 'bench-step:1.0.0@default', with: { bytes: '${ $workflow.input.bytes }' } }
  - three: { call: 'bench-step:1.0.0@default', with: { bytes: '${ $workflow.input.bytes }' } }
  - four: { call: 'bench-step:1.0.0@default', with: { bytes: '${ $workflow.input.bytes }' } }
  - five: { call: 'bench-step:1.0.0@default', with: { bytes: '${ $workflow.input.bytes }' } }
";

/// How many runs of large results are measured.
pub(super) const LARGE_RUNS: usize = 20;

/// What each part of a long run took.
#[derive(Debug)]
pub(super) struct Long {
    pub(super) quarters: Vec<Duration>,
    pub(super) usage: Usage,
}

/// Runs one run of `n` steps.
pub(super) async fn long(bed: &Bed, n: usize) -> Result<Long, Failure> {
    let mut meter = Meter::open(bed.store()).await?;
    let service = bed.service(1).await?;
    let definition = service.register(LONG).await?;
    let (run, quarter) = (fresh(), (n / 4).max(1) as u64);
    let end = service.hints.end_of(run);
    meter.start(bed.store()).await?;
    let mut last = Instant::now();
    service.start(definition, &[(run, Data::from(json!({ "n": n })))]).await?;
    let mut quarters = Vec::new();
    for number in 1..=4 {
        service.executed_often(number * quarter).await?;
        let now = Instant::now();
        quarters.push(now - last);
        last = now;
    }
    service.ended(run, &end).await?;
    meter.stop(bed.store()).await?;
    service.close().await?;
    Ok(Long { quarters, usage: meter.close(bed.store(), 1.0).await? })
}

/// Runs runs whose steps have results of `bytes` bytes, one after the other.
pub(super) async fn large(bed: &Bed, bytes: usize) -> Result<Usage, Failure> {
    let mut meter = Meter::open(bed.store()).await?;
    let service = bed.service(1).await?;
    let definition = service.register(LARGE).await?;
    meter.start(bed.store()).await?;
    for _ in 0..LARGE_RUNS {
        once(&service, definition, json!({ "bytes": bytes })).await?;
    }
    meter.stop(bed.store()).await?;
    service.close().await?;
    meter.close(bed.store(), 1.0).await
}

async fn once(
    service: &Service,
    definition: definitions::ContentHash,
    input: serde_json::Value,
) -> Result<(), Failure> {
    let run = fresh();
    let end = service.hints.end_of(run);
    service.start(definition, &[(run, Data::from(input))]).await?;
    service.ended(run, &end).await
}

/// Steps of all runs that [`large`] makes.
pub(super) fn large_steps() -> f64 {
    LARGE_RUNS as f64 * STEPS_PER_RUN as f64
}
