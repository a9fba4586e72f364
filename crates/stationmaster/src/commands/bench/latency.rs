//! W2: how long one run of five steps takes, from its start to its end, while nothing else is under way.

use std::time::{Duration, Instant};

use definitions::Data;

use super::bed::{Bed, STEPS, fresh};
use crate::output::Failure;

/// Runs that are not counted: connections are made and statements prepared.
const WARM_UP: usize = 20;

/// Runs `n` runs, one after the other.
pub(super) async fn measure(bed: &Bed, n: usize) -> Result<Vec<Duration>, Failure> {
    let service = bed.service(1).await?;
    let definition = service.register(STEPS).await?;
    let mut taken = Vec::with_capacity(n);
    for number in 0..n + WARM_UP {
        let (run, began) = (fresh(), Instant::now());
        let end = service.hints.end_of(run);
        service.start(definition, &[(run, Data::object())]).await?;
        service.ended(run, &end).await?;
        if number >= WARM_UP {
            taken.push(began.elapsed());
        }
    }
    service.close().await?;
    Ok(taken)
}
