//! Definitions as they are stored: a text and the texts of the functions it was linked with, for ever.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use definitions::{ContentHash, Definition, DefinitionId};
use engine::{OrgId, Timestamp};
use semver::Version;

use crate::{Connection, Error, Result, history::content_hash, json, lease::function_name, schedules};

/// A definition as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What runs pin.
    pub hash: ContentHash,
    /// What people call it.
    pub id: DefinitionId,
    /// Its text.
    pub source: String,
    /// The texts of the functions it was linked with, by `name:version`.
    pub functions: BTreeMap<String, String>,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Registers a definition, and its schedule if it is the latest version of its name. Registering the same text again
/// changes nothing.
///
/// Returns whether it is new.
///
/// # Errors
/// Its version is taken by another text; the database fails.
pub async fn register(
    connection: &mut Connection,
    org: OrgId,
    definition: &Definition,
    by: &str,
    at: Timestamp,
) -> Result<bool> {
    let needs: BTreeSet<_> = definition.needs.iter().map(function_name).collect();
    let set = function_set(&mut *connection, &Vec::from_iter(needs)).await?;
    let functions = json::write("the functions of a definition", &definition.functions)?;
    let id = &definition.id;
    let inserted = sqlx::query!(
        "insert into definitions (org_id, hash, namespace, name, version, needs, source, functions, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8::text::json, $9, $10)
         on conflict do nothing",
        org.0,
        definition.hash.0.as_slice(),
        &*id.namespace,
        &*id.name,
        &*id.version,
        set,
        definition.source,
        functions,
        by,
        at
    )
    .execute(&mut *connection)
    .await?;
    let new = inserted.rows_affected() == 1;
    if !new {
        get(&mut *connection, org, definition.hash).await.map_err(|error| match error {
            Error::UnknownDefinition { .. } => Error::VersionTaken(id.to_string()),
            error => error,
        })?;
    }
    list_workflows(&mut *connection, org, definition).await?;
    schedules::follow(connection, org, definition).await?;
    Ok(new)
}

/// The definition of a hash.
///
/// # Errors
/// It is not registered in this organisation; the database fails.
pub async fn get(connection: &mut Connection, org: OrgId, hash: ContentHash) -> Result<Stored> {
    let row = sqlx::query!(
        r#"select namespace, name, version, source, functions::text as "functions!", created_by, created_at
           from definitions where org_id = $1 and hash = $2"#,
        org.0,
        hash.0.as_slice()
    )
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| Error::UnknownDefinition { org, definition: hash.to_string() })?;
    Ok(Stored {
        hash,
        id: DefinitionId { namespace: row.namespace.into(), name: row.name.into(), version: row.version.into() },
        source: row.source,
        functions: json::read(|| format!("the functions of definition {hash}"), &row.functions)?,
        created_by: row.created_by,
        created_at: row.created_at,
    })
}

/// The registered versions of a name with their hashes, the latest (by semantic version) first.
///
/// # Errors
/// The database fails.
pub async fn versions(
    connection: &mut Connection,
    org: OrgId,
    namespace: &str,
    name: &str,
) -> Result<Vec<(DefinitionId, ContentHash)>> {
    let rows = sqlx::query!(
        "select version, hash from definitions where org_id = $1 and namespace = $2 and name = $3",
        org.0,
        namespace,
        name
    )
    .fetch_all(connection)
    .await?;
    let mut versions = rows
        .into_iter()
        .map(|row| {
            let id = DefinitionId { namespace: namespace.into(), name: name.into(), version: row.version.into() };
            Ok((id, content_hash(&row.hash)?))
        })
        .collect::<Result<Vec<_>>>()?;
    // A version that is not semantic (none is registered) comes last.
    versions.sort_by_cached_key(|(id, _)| Reverse(Version::parse(&id.version).ok()));
    Ok(versions)
}

/// The definition of a name and a version, or its latest one.
///
/// # Errors
/// It is not registered in this organisation; the database fails.
pub async fn find(
    connection: &mut Connection,
    org: OrgId,
    namespace: &str,
    name: &str,
    version: Option<&str>,
) -> Result<ContentHash> {
    let versions = versions(connection, org, namespace, name).await?;
    let wanted = |id: &DefinitionId| version.is_none_or(|version| *id.version == *version);
    versions.into_iter().find_map(|(id, hash)| wanted(&id).then_some(hash)).ok_or_else(|| {
        let definition = format!("{namespace}/{name}:{}", version.unwrap_or("latest"));
        Error::UnknownDefinition { org, definition }
    })
}

/// Every definition of an organisation, by name and age.
///
/// # Errors
/// The database fails.
pub async fn list(connection: &mut Connection, org: OrgId) -> Result<Vec<(DefinitionId, ContentHash)>> {
    let rows = sqlx::query!(
        "select namespace, name, version, hash from definitions where org_id = $1 order by namespace, name, created_at",
        org.0
    )
    .fetch_all(connection)
    .await?;
    let listed = rows.into_iter().map(|row| {
        let id = DefinitionId { namespace: row.namespace.into(), name: row.name.into(), version: row.version.into() };
        Ok((id, content_hash(&row.hash)?))
    });
    listed.collect()
}

/// Notes the workflows that a definition may run, for the pins of its runs.
async fn list_workflows(connection: &mut Connection, org: OrgId, definition: &Definition) -> Result<()> {
    let column = |part: fn(&DefinitionId) -> &str| -> Vec<String> {
        definition.workflows.iter().map(|id| part(id).to_owned()).collect()
    };
    sqlx::query!(
        "insert into sub_workflows (org_id, hash, namespace, name, version)
         select $1, $2, w.namespace, w.name, w.version
         from unnest($3::text[], $4::text[], $5::text[]) as w (namespace, name, version)
         on conflict do nothing",
        org.0,
        definition.hash.0.as_slice(),
        &column(|id| &id.namespace),
        &column(|id| &id.name),
        &column(|id| &id.version)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of a set of functions, new or not.
async fn function_set(connection: &mut Connection, functions: &[String]) -> Result<i32> {
    sqlx::query!("insert into function_sets (functions) values ($1) on conflict do nothing", functions)
        .execute(&mut *connection)
        .await?;
    let set = sqlx::query_scalar!("select set_id from function_sets where functions = $1", functions)
        .fetch_one(connection)
        .await?;
    Ok(set)
}
