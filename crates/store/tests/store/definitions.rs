//! Registered definitions.

use std::collections::BTreeMap;

use ::definitions::{ContentHash, Definition};
use store::{Error, definitions};

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
