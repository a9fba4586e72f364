//! `doctor`: whether everything that the service needs is there, and what to do about what is not.

use std::process::Stdio;

use serde_json::json;
use store::Schema;

use crate::{
    catalogue::Catalogue,
    cli, composition,
    database::{self, Database},
    output::{Failure, Output},
    settings,
};

/// One thing that was looked at.
struct Finding {
    name: &'static str,
    result: Result<String, String>,
}

/// Looks at everything, prints what was found, and fails if anything is wrong.
pub(crate) async fn doctor(output: Output, arguments: &cli::Service) -> Result<(), Failure> {
    let mut findings = vec![
        tool("git", &["--version"], "install git: the local forge keeps agents' code in git repositories").await,
        tool("python3", &["-c", "import venv, ensurepip, sys; print(sys.version.split()[0])"], PYTHON).await,
        definitions(arguments),
        signing_secret(arguments),
    ];
    findings.extend(database(&arguments.database).await);
    let wrong = findings.iter().filter(|finding| finding.result.is_err()).count();
    for Finding { name, result } in &findings {
        output.line(|| match result {
            Ok(found) => format!("ok     {name:<12} {found}"),
            Err(problem) => format!("WRONG  {name:<12} {problem}"),
        });
    }
    let rows = findings.iter().map(|Finding { name, result }| {
        json!({ "check": name, "ok": result.is_ok(), "detail": result.as_ref().unwrap_or_else(|problem| problem) })
    });
    let rows: Vec<_> = rows.collect();
    output.document(|| json!({ "ok": wrong == 0, "checks": rows }));
    if wrong == 0 { Ok(()) } else { Err(Failure::silent()) }
}

const PYTHON: &str =
    "install Python 3 with venv and pip (Debian: python3-venv): the local forge builds and tests agents";

async fn tool(name: &'static str, arguments: &[&str], hint: &str) -> Finding {
    let run = tokio::process::Command::new(name).args(arguments).stdin(Stdio::null()).output().await;
    let result = match run {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
        Ok(_) | Err(_) => Err(hint.to_owned()),
    };
    Finding { name, result }
}

fn definitions(arguments: &cli::Service) -> Finding {
    let catalogue = Catalogue::new(&arguments.home, composition::allowed_functions(arguments));
    let result = catalogue.check(&catalogue.workflows()).map_err(|error| error.to_string()).and_then(|checked| {
        let refused: Vec<_> = checked.iter().filter(|checked| checked.definition.is_err()).collect();
        match refused.first() {
            None => Ok(format!("{} definitions", checked.len())),
            Some(first) => Err(format!("{} is refused: run `definition lint`", first.file.display())),
        }
    });
    Finding { name: "definitions", result }
}

fn signing_secret(arguments: &cli::Service) -> Finding {
    let result = match &arguments.jwt_secret {
        None => Ok("generated (development)".to_owned()),
        Some(reference) => match settings::resolve(reference) {
            Ok(secret) => api::auth::Secret::new(secret.trim())
                .map(|_| format!("from {reference}"))
                .map_err(|error| error.to_string()),
            Err(_) => Err(format!("{reference} cannot be read")),
        },
    };
    Finding { name: "secret", result }
}

async fn database(arguments: &cli::Database) -> Vec<Finding> {
    let place = match (&arguments.database_url, database::data_directory(arguments.data.as_deref())) {
        (Some(_), _) => "DATABASE_URL".to_owned(),
        (None, Ok(data)) => format!("embedded, in {}", data.display()),
        (None, Err(_)) => "embedded".to_owned(),
    };
    let database = match Database::open(arguments).await {
        Ok(database) => database,
        Err(failure) => return vec![Finding { name: "database", result: Err(failure.message().to_owned()) }],
    };
    let schema = database.store.check_schema().await;
    let embedded = database.is_embedded();
    let mut findings = vec![Finding {
        name: "database",
        result: schema.as_ref().map(|_| place).map_err(|error| format!("cannot be reached: {error}")),
    }];
    if let Ok(schema) = schema {
        let result = match schema {
            Schema::Current => Ok("up to date".to_owned()),
            Schema::Ahead => Ok("of a later version; this one can use it".to_owned()),
            Schema::Behind(missing) if embedded => Ok(format!("{missing} migrations to apply, at the next start")),
            Schema::Behind(missing) => Err(format!("{missing} migrations are missing: run `stationmaster migrate`")),
        };
        findings.push(Finding { name: "schema", result });
    }
    if let Err(failure) = database.close().await {
        findings.push(Finding { name: "shutdown", result: Err(failure.message().to_owned()) });
    }
    findings
}
