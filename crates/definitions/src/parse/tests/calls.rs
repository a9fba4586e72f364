//! Calls and processes: what of them is parsed, and into what.

use super::*;

#[test]
fn an_http_call_is_normalised() {
    let with = "{method: get, endpoint: {uri: 'https://x.example/{id}', authentication: {bearer: {use: key}}}}";
    let definition = one(&format!("{{call: http, with: {with}}}")).unwrap();
    let TaskKind::Call(call) = &definition.workflow.body.0[0].kind else { panic!() };
    assert!(matches!(&call.target, CallTarget::Host(name) if &*name.name == "http" && name.version.is_empty()));
    let Template::Object(with) = &call.with else { panic!() };
    let Template::Object(endpoint) = &with[1].1 else { panic!() };
    assert!(matches!(&endpoint[0], (name, Template::Uri(_)) if name == "uri"));
    assert_eq!(
        format!("{:?}", endpoint[1]),
        r#"("authentication", Object([("bearer", Object([("use", Expression(${ $secrets["key"] }))]))]))"#
    );
}

#[test]
fn authentications_are_whole() {
    let at = "/do/0/a/with/endpoint/authentication";
    let findings = |policy: &str| {
        rules(one(&format!(
            "{{call: http, with: {{method: get, endpoint: {{uri: 'https://x.example', authentication: {policy}}}}}}}"
        )))
    };
    let client = "client: {id: a, secret: b}";
    for policy in [
        "{digest: {username: a, password: '${ $secrets.key }'}}".to_owned(),
        "{digest: {use: key}}".to_owned(),
        "{oidc: {use: key}}".to_owned(),
        format!("{{oauth2: {{authority: 'https://x.example', grant: client_credentials, {client}, scopes: [a], audiences: ['${{ .b }}']}}}}"),
        format!("{{oidc: {{authority: 'https://x.example', grant: password, {client}, username: a, password: b}}}}"),
        "{oauth2: {authority: 'https://x.example/{realm}', grant: 'urn:ietf:params:oauth:grant-type:token-exchange', subject: {token: a, type: b}}}".to_owned(),
    ] {
        let known = findings(&policy);
        let hidden: Vec<_> = known.iter().filter(|(rule, _)| *rule != "unknown-reference").collect();
        assert!(hidden.is_empty() || policy.contains("$secrets"), "{policy}: {known:?}");
    }
    for (policy, rule, pointer) in [
        ("{digest: {username: a}}", "missing-property", "/digest"),
        ("{basic: {username: a, password: b}, bearer: {token: c}}", "authentication", ""),
        ("{}", "authentication", ""),
        ("{bearer: {use: other}}", "unknown-reference", "/bearer/use"),
        ("{bearer: {use: key, token: a}}", "unknown-property", "/bearer/token"),
        ("{oauth2: {authority: 'https://x.example', grant: client_credentials}}", "authentication", "/oauth2"),
        (
            "{oauth2: {authority: 'https://x.example', grant: client_credentials, client: {id: a}}}",
            "authentication",
            "/oauth2/client",
        ),
        ("{oauth2: {authority: 'https://x.example', grant: password, username: a}}", "authentication", "/oauth2"),
        ("{oauth2: {authority: 'https://x.example', grant: implicit}}", "value", "/oauth2/grant"),
        (
            "{oidc: {authority: 'https://x.example', grant: password, endpoints: {}}}",
            "unknown-property",
            "/oidc/endpoints",
        ),
    ] {
        assert_eq!(findings(policy), [(rule, format!("{at}{pointer}"))], "{policy}");
    }
}

#[test]
fn a_process_is_a_call_of_what_the_host_allows() {
    let source = |run: &str| format!("{HEAD}do: [{{a: {{run: {run}}}}}]");
    let allowing = BTreeMap::new(); // every name is the host's
    let parsed = |run: &str| Definition::parse(&source(run), &allowing);
    let shell = "{return: all, shell: {command: 'cat; echo $1', stdin: '${ .text }', arguments: ['${ .a }'], environment: {A: b}}}";
    let definition = parsed(shell).unwrap();
    assert_eq!(definition.needs.iter().map(|name| &*name.name).collect::<Vec<_>>(), ["shell"]);
    let script = parsed("{script: {language: python, code: 'print(1)'}}").unwrap();
    assert_eq!(script.needs.iter().map(|name| &*name.name).collect::<Vec<_>>(), ["script"]);
    for (run, rule, pointer) in [
        ("{script: {language: ruby, code: x}}", "value", "/script/language"),
        ("{script: {language: python}}", "missing-property", "/script"),
        ("{shell: {command: ls, argument: x}}", "unknown-property", "/shell/argument"),
        ("{shell: {command: ls, arguments: {a: b}}}", "type", "/shell/arguments"),
        ("{}", "value", ""),
    ] {
        assert_eq!(rules(parsed(run)), [(rule, format!("/do/0/a/run{pointer}"))], "{run}");
    }
}

#[test]
fn the_workflows_that_it_may_run_are_listed_wherever_they_are_named() {
    let run = |name: &str, version| {
        format!("{{ run: {{ workflow: {{ namespace: n, name: {name}, version: {version} }} }} }}")
    };
    let source = format!(
        "document: {{ dsl: 1.0.3, namespace: n, name: w, version: 1.0.0 }}
use:
  functions:
    named: {}
    unused: {}
do:
  - one: {}
  - two: {{ for: {{ in: '${{ [1] }}' }}, do: [ {{ again: {} }} ] }}
  - three: {{ call: named }}
  - four: {{ call: outer:1.0.0@default }}",
        run("in-named", "1.0.0"),
        run("in-unused", "1.0.0"),
        run("direct", "latest"),
        run("direct", "latest"),
    );
    let outer = BTreeMap::from([("outer:1.0.0".to_owned(), run("in-catalog", "2.0.0"))]);
    let definition = Definition::parse(&source, &outer).unwrap_or_else(|findings| panic!("{findings}"));
    let names: Vec<_> = definition.workflows.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["n/direct:latest", "n/in-catalog:2.0.0", "n/in-named:1.0.0"]);
}
