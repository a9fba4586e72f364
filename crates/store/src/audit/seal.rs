//! The sequencer: seals rows that have become visible, by their flag and never by their number, for numbers commit late.

use std::collections::HashMap;

use uuid::Uuid;

use super::{AuditRow, chain};
use crate::{Connection, Result, Store};

/// The advisory lock that one sequencer at a time holds: "audit" in ASCII.
const LOCK: i64 = 0x61_75_64_69_74;

/// Where an organisation's chain stands.
#[derive(Debug, Clone, Copy)]
struct Head {
    seq: i64,
    hash: [u8; 32],
}

/// Seals up to `limit` rows, unless another process is at it. Returns how many.
///
/// # Errors
/// The database fails; nothing is half sealed.
pub async fn seal(store: &Store, limit: u32) -> Result<usize> {
    let mut transaction = store.begin_engine().await?;
    let ours = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "ours!""#, LOCK)
        .fetch_one(&mut *transaction)
        .await?;
    if !ours {
        return Ok(0);
    }
    let rows = sqlx::query_file_as!(AuditRow, "queries/unsealed_audit.sql", i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut heads = heads(&mut transaction, &rows).await?;
    write(&mut transaction, &rows, &mut heads).await?;
    transaction.commit().await?;
    Ok(rows.len())
}

async fn heads(connection: &mut Connection, rows: &[AuditRow]) -> Result<HashMap<Uuid, Head>> {
    let orgs: Vec<_> = rows.iter().map(|row| row.org_id).collect();
    let stored = sqlx::query!("select org_id, seq, hash from audit_heads where org_id = any($1)", &orgs)
        .fetch_all(connection)
        .await?;
    let mut heads: HashMap<_, _> =
        orgs.into_iter().map(|org| (org, Head { seq: 0, hash: chain::genesis(org) })).collect();
    for row in stored {
        if let Ok(hash) = row.hash.try_into() {
            heads.insert(row.org_id, Head { seq: row.seq, hash });
        }
    }
    Ok(heads)
}

async fn write(connection: &mut Connection, rows: &[AuditRow], heads: &mut HashMap<Uuid, Head>) -> Result<()> {
    let (mut ids, mut seqs, mut previous, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let head = heads.entry(row.org_id).or_insert_with(|| Head { seq: 0, hash: chain::genesis(row.org_id) });
        let next = Head { seq: head.seq + 1, hash: chain::hash(row, head.seq + 1, &head.hash) };
        ids.push(row.audit_id);
        seqs.push(next.seq);
        previous.push(head.hash.to_vec());
        hashes.push(next.hash.to_vec());
        *head = next;
    }
    sqlx::query_file!("queries/seal_audit.sql", &ids, &seqs, &previous, &hashes).execute(&mut *connection).await?;
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (org, head) in heads {
        columns.0.push(*org);
        columns.1.push(head.seq);
        columns.2.push(head.hash.to_vec());
    }
    sqlx::query_file!("queries/set_audit_heads.sql", &columns.0, &columns.1, &columns.2).execute(connection).await?;
    Ok(())
}
