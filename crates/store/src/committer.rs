//! Group commit: the flushes of many runs in one transaction.
//!
//! One task commits what has gathered while its last commit ran; it never waits for more. A flush that PostgreSQL refuses
//! makes the group's members commit one by one, so that only its own run suffers (DESIGN 5, 3).

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{Committed, Error, Flush, Result, Store, Transaction, commit, steps};

/// Pauses between the attempts of a transaction double from the first to the last: 20 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Hands flushes to the task that commits them; cheap to clone. The task ends when the last of these is gone.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<(Flush, oneshot::Sender<Committed>)>,
}

impl Committer {
    /// A committer and the task that drives it, which the caller spawns. Up to `group` flushes go into one transaction.
    pub fn new(store: Store, group: usize) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut flushes) = mpsc::channel(group);
        let task = async move {
            let mut gathered = Vec::with_capacity(group);
            while flushes.recv_many(&mut gathered, group).await > 0 {
                let (members, replies): (Vec<Flush>, Vec<oneshot::Sender<Committed>>) = gathered.drain(..).unzip();
                for (reply, committed) in replies.into_iter().zip(commit_group(&store, &members).await) {
                    // Nobody waits for the reply of a driver that was stopped: its run is loaded again.
                    let _ = reply.send(committed);
                }
            }
        };
        (Self { queue }, task)
    }

    /// Commits a run's flush together with those of others.
    pub async fn commit(&self, flush: Flush) -> Committed {
        let (reply, committed) = oneshot::channel();
        if self.queue.send((flush, reply)).await.is_err() {
            return Committed::Rejected(crate::Error::Stopped);
        }
        committed.await.unwrap_or(Committed::Unknown)
    }
}

/// Commits a group; one by one if a member is refused.
async fn commit_group(store: &Store, members: &[Flush]) -> Vec<Committed> {
    match commit_together(store, &Vec::from_iter(members)).await {
        Ok(committed) => committed,
        Err(Failure::Refused(error)) if members.len() == 1 => vec![Committed::Rejected(error)],
        Err(Failure::Unknown) => members.iter().map(|_| Committed::Unknown).collect(),
        Err(Failure::Refused(error)) => {
            tracing::warn!(%error, members = members.len(), "a group commit was refused; its members commit one by one");
            commit_singly(store, &Vec::from_iter(members)).await
        }
    }
}

/// Why a transaction did not commit.
enum Failure {
    /// Something in it; it would be refused again.
    Refused(Error),
    /// The database could not be reached for long, or was lost at the commit.
    Unknown,
}

/// One transaction: a single statement where all members allow it, else one for each table.
async fn commit_together(store: &Store, members: &[&Flush]) -> Result<Vec<Committed>, Failure> {
    if !members.iter().all(|member| steps::fits(member)) {
        return commit_rows(store, members).await;
    }
    let mut committed = match repeatedly(|| steps::commit(store, members)).await? {
        steps::Ended::Known(committed) => committed,
        steps::Ended::Unknown(error) => return Err(unknown(&error)),
    };
    let not_held = members.iter().zip(&committed).filter_map(|(member, done)| done.is_none().then_some(*member));
    let not_held: Vec<_> = not_held.collect();
    if !not_held.is_empty() {
        let missing = committed.iter_mut().filter(|done| done.is_none());
        for (place, verdict) in missing.zip(commit_singly(store, &not_held).await) {
            *place = Some(verdict);
        }
    }
    Ok(committed.into_iter().map(|done| done.unwrap_or(Committed::LeaseLost)).collect())
}

/// Members one by one: what goes wrong is one's own.
async fn commit_singly(store: &Store, members: &[&Flush]) -> Vec<Committed> {
    let mut verdicts = Vec::with_capacity(members.len());
    for member in members {
        verdicts.push(match commit_rows(store, &[member]).await {
            Ok(mut only) => only.pop().unwrap_or(Committed::LeaseLost),
            Err(Failure::Refused(error)) => Committed::Rejected(error),
            Err(Failure::Unknown) => Committed::Unknown,
        });
    }
    verdicts
}

async fn commit_rows(store: &Store, members: &[&Flush]) -> Result<Vec<Committed>, Failure> {
    let (transaction, committed) = repeatedly(|| attempt(store, members)).await?;
    // Whatever goes wrong here, the commit may have reached the disk.
    transaction.commit().await.map_err(|error| unknown(&error))?;
    Ok(committed)
}

fn unknown(error: &sqlx::Error) -> Failure {
    tracing::warn!(%error, "the outcome of a commit is unknown; its runs are loaded again");
    Failure::Unknown
}

/// Repeats an attempt while the database cannot be reached, or crosses it with another.
async fn repeatedly<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !error.is_transient() {
            return Err(Failure::Refused(error));
        }
        if pause > LAST_PAUSE {
            tracing::error!(%error, "a commit was given up; its runs are loaded again");
            return Err(Failure::Unknown);
        }
        tracing::warn!(%error, pause_ms = pause.as_millis(), "a commit failed and is repeated");
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn attempt(store: &Store, members: &[&Flush]) -> Result<(Transaction, Vec<Committed>)> {
    let mut transaction = store.begin_engine().await?;
    let committed = commit::write(&mut transaction, members).await?;
    Ok((transaction, committed))
}
