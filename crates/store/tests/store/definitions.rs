//! Registered definitions.

use std::collections::BTreeMap;

use ::definitions::{ContentHash, Definition};
use engine::{FactBody, OrgId};
use store::{
    Error, definitions,
    runs::{self, NewRun},
};

use uuid::Uuid;

use crate::world::{World, now};

fn definition(version: &str, message: &str) -> Definition {
    let source = format!(
        "document: {{ dsl: 1.0.1, namespace: test, name: greet, version: {version} }}\n\
         do:\n  - greet:\n      set: {{ message: {message} }}\n"
    );
    Definition::parse(&source, &BTreeMap::<String, String>::new()).unwrap()
}

#[tokio::test]
async fn a_definition_comes_back_as_it_was_registered_and_its_latest_version_comes_first() {
    let world = World::new().await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let versions = ["1.9.0", "1.10.0", "1.10.0-rc.1"].map(|version| definition(version, "hello"));
    for version in &versions {
        assert!(definitions::register(&mut transaction, world.org, version, "ada", now()).await.unwrap());
        assert!(!definitions::register(&mut transaction, world.org, version, "bob", now()).await.unwrap());
    }
    let stored = definitions::get(&mut transaction, world.org, versions[0].hash).await.unwrap();
    assert_eq!((stored.source.as_str(), stored.created_by.as_str()), (versions[0].source.as_str(), "ada"));
    let again = Definition::parse(&stored.source, &stored.functions).unwrap();
    assert_eq!(again.hash, stored.hash);
    let listed = definitions::versions(&mut transaction, world.org, "test", "greet").await.unwrap();
    let order: Vec<_> = listed.iter().map(|(id, _)| &*id.version).collect();
    assert_eq!(order, ["1.10.0", "1.10.0-rc.1", "1.9.0"]);
    let find =
        async |transaction: &mut _, version| definitions::find(transaction, world.org, "test", "greet", version).await;
    assert_eq!(find(&mut transaction, None).await.unwrap(), versions[1].hash);
    assert_eq!(find(&mut transaction, Some("1.9.0")).await.unwrap(), versions[0].hash);
    let error = find(&mut transaction, Some("2.0.0")).await.unwrap_err().to_string();
    assert!(error.contains("test/greet:2.0.0"), "{error}");
    assert_eq!(definitions::list(&mut transaction, world.org).await.unwrap().len(), 4, "and the one of every test");
}

#[tokio::test]
async fn a_version_is_taken_for_good_and_what_is_not_registered_is_named() {
    let world = World::new().await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    definitions::register(&mut transaction, world.org, &definition("1.0.0", "hello"), "ada", now()).await.unwrap();
    let other = definition("1.0.0", "goodbye");
    let error = definitions::register(&mut transaction, world.org, &other, "ada", now()).await.unwrap_err();
    assert_eq!(error.to_string(), "test/greet:1.0.0 is registered with another content: raise its version");
    let error = definitions::get(&mut transaction, world.org, ContentHash([0; 32])).await.unwrap_err();
    assert!(matches!(error, Error::UnknownDefinition { .. }));
}

#[tokio::test]
async fn a_run_pins_the_workflows_that_its_definition_names_as_they_are_when_it_starts() {
    let world = World::new().await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let source = "document: { dsl: 1.0.1, namespace: test, name: parent, version: 1.0.0 }
do:
  - newest: { run: { workflow: { namespace: test, name: greet, version: latest } } }
  - first: { try: [ { old: { run: { workflow: { namespace: test, name: greet, version: 1.9.0 } } } } ], catch: {} }
  - never: { run: { workflow: { namespace: test, name: missing, version: 1.0.0 } } }
";
    let parent = Definition::parse(source, &BTreeMap::<String, String>::new()).unwrap();
    let other = definition("3.0.0", "elsewhere");
    let versions = ["1.9.0", "1.10.0", "1.10.0-rc.1"].map(|version| definition(version, "hello"));
    for definition in versions.iter().chain([&parent]) {
        definitions::register(&mut transaction, world.org, definition, "ada", now()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let stranger = OrgId(Uuid::now_v7());
    let mut transaction = world.store.begin(stranger).await.unwrap();
    definitions::register(&mut transaction, stranger, &other, "eve", now()).await.unwrap();
    transaction.commit().await.unwrap();

    let run = world.start(&NewRun { definition: parent.hash, ..world.new_run() }).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    definitions::register(&mut transaction, world.org, &definition("2.0.0", "later"), "ada", now()).await.unwrap();
    let facts = runs::facts(&mut transaction, world.org, run, 0, 1).await.unwrap();
    let FactBody::Started { workflows, .. } = &facts[0].1.body else { panic!("{facts:?}") };
    let expected = [("test/greet:1.9.0", &versions[0]), ("test/greet:latest", &versions[1])];
    let expected = expected.map(|(name, definition)| (name.to_owned(), definition.hash.to_string()));
    assert_eq!(*workflows, BTreeMap::from(expected));
}
