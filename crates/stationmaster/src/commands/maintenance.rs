//! `migrate` and `audit verify`: what an operator does to a database.

use serde_json::json;

use crate::{
    cli,
    commands::token::DEFAULT_ORG,
    database::Database,
    output::{Failure, Output},
};

/// Brings the schema up to date.
pub(crate) async fn migrate(output: Output, arguments: &cli::Database) -> Result<(), Failure> {
    let database = Database::open(arguments).await?;
    let migrated = database.store.migrate().await;
    database.close().await?;
    migrated?;
    output.line(|| "the schema is up to date".to_owned());
    output.document(|| json!({ "schema": "current" }));
    Ok(())
}

/// Recomputes the audit trail's hash chain; fails if it does not hold.
pub(crate) async fn verify(output: Output, arguments: &cli::Database) -> Result<(), Failure> {
    let database = Database::open(arguments).await?;
    let report = match database.store.engine().await {
        Ok(mut connection) => store::audit::verify(&mut connection, DEFAULT_ORG).await,
        Err(error) => Err(error),
    };
    database.close().await?;
    let report = report?;
    let head = report.head.map(hex::encode);
    output.line(|| match &report.broken {
        None => format!("the chain holds: {} rows sealed, {} not sealed yet", report.sealed, report.unsealed),
        Some(broken) => format!("the chain is BROKEN: {broken} ({} rows hold before that)", report.sealed),
    });
    if let Some(head) = &head {
        output.line(|| format!("head {head}"));
    }
    let broken = report.broken.as_ref().map(ToString::to_string);
    output.document(|| {
        json!({ "intact": broken.is_none(), "sealed": report.sealed, "unsealed": report.unsealed, "head": head, "broken": broken })
    });
    if broken.is_none() { Ok(()) } else { Err(Failure::silent()) }
}
