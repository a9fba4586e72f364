//! What the service is made of: functions, secrets and webhook sources, from the settings.

use std::{path::Path, time::Duration};

use api::webhooks::Source;
use definitions::FunctionName;
use functions::{
    egress::{Egress, Policy},
    generate::{CodeGenerator, Model},
    mail::{self, Mailer},
    secrets::{Reference, Secrets},
};
use platform::{
    functions::{Genesis, RequestGenesis},
    genesis,
};
use url::Url;
use worker::Functions;

use crate::{
    cli,
    forge::{self, Forge},
    output::Failure,
    settings,
};

/// The variable that `webhooks/github.yaml` reads; without it, a local forge signs with a generated secret.
pub(crate) const WEBHOOK_SECRET: &str = "env:STATIONMASTER_GITHUB_WEBHOOK_SECRET";

/// The built-in functions that an operator has to allow.
const PROCESSES: [&str; 2] = ["shell", "script"];

/// The names of the host's functions that a service so started has.
pub(crate) fn allowed_functions(arguments: &cli::Service) -> Vec<FunctionName> {
    let allowed = |function: &FunctionName| arguments.allow_processes || !PROCESSES.contains(&&*function.name);
    host_functions().into_iter().filter(allowed).collect()
}

/// The names of all of the host's functions: what definitions may call besides functions written in the DSL.
pub(crate) fn host_functions() -> Vec<FunctionName> {
    let names = [
        "advance-creation",
        "cancel-ci",
        "commit-code",
        "dispatch-ci",
        "expire-gate",
        "generate-code",
        "open-gate",
        "reconcile-ci",
        "record-ci-event",
        "record-genesis-delay",
        "record-ola-breach",
        "request-genesis",
        "rerun-ci",
        "review-handoff",
        "send-mail",
    ];
    let versioned = names.map(|name| FunctionName { name: name.into(), version: "1.0.0".into() });
    let built_in = ["http", "openapi", "a2a", "mcp"].into_iter().chain(PROCESSES);
    let built_in = built_in.map(|name| FunctionName { name: name.into(), version: "".into() });
    versioned.into_iter().chain(built_in).collect()
}

/// The secrets that definitions may name, each given as `name=reference`.
pub(crate) fn secrets(arguments: &cli::Service) -> Result<Secrets, Failure> {
    let pairs = arguments.secrets.iter().map(|text| {
        let wrong = || Failure::new("a secret is given as `NAME=env:VARIABLE` or `NAME=file:/path`");
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)
    });
    Ok(Secrets::new(pairs.collect::<Result<Vec<_>, _>>()?)?)
}

/// The inbound sources of the home directory, and where their secrets are.
pub(crate) fn webhook_sources(home: &Path) -> Result<Vec<Source>, Failure> {
    let directory = home.join("webhooks");
    let mut sources = Vec::new();
    let entries =
        std::fs::read_dir(&directory).map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path)?;
            sources.push(Source::parse(&path.display().to_string(), &text)?);
        }
    }
    Ok(sources)
}

/// The value of a webhook source's secret; `forge` is the directory of the local forge.
pub(crate) fn webhook_secret(reference: &str, forge: &Path) -> Result<String, String> {
    let value = || match settings::resolve(reference) {
        Err(_) if reference == WEBHOOK_SECRET => Ok(forge::webhook_secret(forge)?.resolve()?.expose().to_owned()),
        given => given,
    };
    value().map_err(|failure: Failure| failure.message().to_owned())
}

/// Everything that runs may call.
pub(crate) fn functions(arguments: &cli::Service, forge: &Forge) -> Result<Functions, Failure> {
    let egress = egress()?;
    let parts = functions::Parts {
        egress: egress.clone(),
        tokens: functions::http::Tokens::default(),
        mailer: arguments.smtp.as_deref().map(|url| mailer(url, &arguments.mail_from)).transpose()?,
        generator: generator(arguments, egress)?,
        forge: forge.shared(),
        owner: forge.owner().to_owned(),
        processes: arguments.allow_processes.then(functions::process::Limits::default),
    };
    let functions = Functions::new().external(RequestGenesis::new(judge(arguments)?));
    let functions = functions::registry(parts).into_iter().fold(functions, Functions::external);
    let transactional = platform::functions::functions(&arguments.escalate_to);
    Ok(transactional.into_iter().fold(functions, Functions::transactional))
}

fn judge(arguments: &cli::Service) -> Result<Genesis, Failure> {
    let Some(url) = &arguments.genesis else {
        let directory = arguments.home.join("policies/genesis/creation");
        return Ok(Genesis::BuiltIn(directory.is_dir().then_some(directory)));
    };
    let reference = |given: &Option<String>, name: &str| match given {
        Some(reference) => settings::resolve(reference),
        None => Err(Failure::new(format!("{name} is missing: a remote Genesis needs it"))),
    };
    let api_key = reference(&arguments.genesis_key, "STATIONMASTER_GENESIS_KEY")?;
    let secret = reference(&arguments.genesis_secret, "STATIONMASTER_GENESIS_SECRET")?;
    let secret = genesis::signature::Secret::parse(&secret)?;
    let config = genesis::client::Config { url: url.parse()?, api_key, secret };
    Ok(Genesis::Remote(genesis::client::Client::new(config)?))
}

/// The way out by HTTP: to public addresses, and to this machine.
pub(crate) fn egress() -> Result<Egress, Failure> {
    Ok(Egress::new(Policy::default().with_loopback())?)
}

fn generator(arguments: &cli::Service, egress: Egress) -> Result<CodeGenerator, Failure> {
    let Some(url) = &arguments.llm else { return Ok(CodeGenerator::Templates) };
    let key = arguments.llm_key.as_deref().map(str::parse::<Reference>).transpose()?;
    let model = Model::new(&url.parse()?, &arguments.llm_model, key, egress)?;
    Ok(CodeGenerator::Model(Box::new(model)))
}

/// A mailer from a URL: `smtp://host:port` (this machine only), `smtps://…` or `smtp+starttls://user@host:port`.
fn mailer(url: &str, from: &str) -> Result<Mailer, Failure> {
    let wrong = |reason: &str| Failure::new(format!("STATIONMASTER_SMTP: {reason}"));
    let parsed: Url = url.parse().map_err(|_| wrong("write smtp://host:port, smtps://… or smtp+starttls://…"))?;
    let (security, port) = match parsed.scheme() {
        "smtp" => (mail::Security::Plain, 25),
        "smtps" => (mail::Security::Tls, 465),
        "smtp+starttls" => (mail::Security::StartTls, 587),
        _ => return Err(wrong("the scheme is one of smtp, smtps, smtp+starttls")),
    };
    let login = match (parsed.username(), parsed.password()) {
        ("", _) => None,
        (_, Some(_)) => return Err(wrong("the password is read from STATIONMASTER_SMTP_PASSWORD, not from the URL")),
        (user, None) => Some((user.to_owned(), "env:STATIONMASTER_SMTP_PASSWORD".parse::<Reference>()?)),
    };
    let config = mail::Config {
        host: parsed.host_str().ok_or_else(|| wrong("the host is missing"))?.to_owned(),
        port: parsed.port().unwrap_or(port),
        security,
        login,
        from: from.to_owned(),
        timeout: Duration::from_secs(30),
    };
    Ok(Mailer::new(&config)?)
}
