//! The hash chain: what a row's hash is made of, and the check that recomputes it.
//!
//! A hash covers every column of its row and the hash before it. Each part is preceded by its length, and the whole by a
//! name of this encoding, so that no two rows are hashed alike:
//!
//! ```text
//! SHA-256( "stationmaster.audit.v1" ‖ prev_hash ‖ org_id ‖ seq ‖ audit_id ‖ at in µs since 1970 ‖ actor ‖ action ‖ subject
//!          ‖ run_id or nothing ‖ correlation ‖ details as stored )      integers big-endian in 8 bytes
//! ```
//!
//! The first row follows `SHA-256("stationmaster.audit.v1.genesis" ‖ org_id)`.

use engine::OrgId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{AuditRow, Seal};
use crate::{Connection, Result};

/// Rows that are read at a time.
const PAGE: i64 = 1000;

/// What checking a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many sealed rows were checked.
    pub sealed: u64,
    /// How many rows are not sealed yet.
    pub unsealed: u64,
    /// The hash of the last row that is as it was written.
    pub head: Option<[u8; 32]>,
    /// The first place that is not.
    pub broken: Option<Broken>,
}

/// A place where a chain is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row is missing.
    #[error("row {0} is missing")]
    Missing(i64),
    /// A row's contents do not have its hash.
    #[error("row {0} was altered")]
    Altered(i64),
    /// A row does not follow the one before.
    #[error("row {0} does not follow the row before it")]
    Unlinked(i64),
    /// The chain's head is another than its last row: rows were cut off or put on.
    #[error("the chain ends at row {found}, its head says {head}, or says another hash")]
    Head {
        /// The last row.
        found: i64,
        /// What the head says.
        head: i64,
    },
}

/// Checks an organisation's chain from its rows: each hash, each link, each number, and the head.
///
/// Give it a transaction of the isolation level REPEATABLE READ where rows are sealed meanwhile.
///
/// # Errors
/// The database fails.
pub async fn verify(connection: &mut Connection, org: OrgId) -> Result<Report> {
    let head = sqlx::query!("select seq, hash from audit_heads where org_id = $1", org.0)
        .fetch_optional(&mut *connection)
        .await?;
    let unsealed =
        sqlx::query_scalar!(r#"select count(*) as "count!" from audit where org_id = $1 and seq is null"#, org.0)
            .fetch_one(&mut *connection)
            .await?;
    let (mut seq, mut hash, mut broken) = (0, genesis(org.0), None);
    'pages: loop {
        let page = sqlx::query_file_as!(AuditRow, "queries/sealed_audit.sql", org.0, seq, PAGE)
            .fetch_all(&mut *connection)
            .await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            match check(row, seq + 1, &hash) {
                Ok(seal) => (seq, hash) = (seal.seq, seal.hash),
                Err(place) => {
                    broken = Some(place);
                    break 'pages;
                }
            }
        }
    }
    let ends_there = match &head {
        Some(head) => head.seq == seq && head.hash == hash,
        None => seq == 0,
    };
    if broken.is_none() && !ends_there {
        broken = Some(Broken::Head { found: seq, head: head.map_or(0, |head| head.seq) });
    }
    Ok(Report {
        sealed: seq.unsigned_abs(),
        unsealed: unsealed.unsigned_abs(),
        head: (seq > 0).then_some(hash),
        broken,
    })
}

/// Whether a row is the next of its chain.
fn check(row: &AuditRow, seq: i64, prev_hash: &[u8; 32]) -> Result<Seal, Broken> {
    let seal = row.seal().ok_or(Broken::Altered(seq))?;
    if seal.seq != seq {
        return Err(Broken::Missing(seq));
    }
    if seal.hash != hash(row, seq, &seal.prev_hash) {
        return Err(Broken::Altered(seq));
    }
    if seal.prev_hash == *prev_hash { Ok(seal) } else { Err(Broken::Unlinked(seq)) }
}

/// What the first row of an organisation's chain follows.
pub(super) fn genesis(org: Uuid) -> [u8; 32] {
    Sha256::new().chain_update("stationmaster.audit.v1.genesis").chain_update(org).finalize().into()
}

/// The hash of a row at a place in its chain.
pub(super) fn hash(row: &AuditRow, seq: i64, prev_hash: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let run = row.run_id.map(Uuid::into_bytes);
    let parts: [&[u8]; 12] = [
        b"stationmaster.audit.v1",
        prev_hash,
        row.org_id.as_bytes(),
        &seq.to_be_bytes(),
        &row.audit_id.to_be_bytes(),
        &row.at.timestamp_micros().to_be_bytes(),
        row.actor.as_bytes(),
        row.action.as_bytes(),
        row.subject.as_bytes(),
        run.as_ref().map_or(&[], |run| run.as_slice()),
        row.correlation.as_bytes(),
        row.details.as_bytes(),
    ];
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
