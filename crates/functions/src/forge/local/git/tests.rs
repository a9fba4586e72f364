//! The real git on a real disk.

use super::*;

fn repositories(root: &Path) -> Repositories {
    Repositories::new(root.to_owned(), std::env::var_os("PATH").expect("PATH"))
}

fn ada() -> Repository {
    Repository::try_from("acme/ada".to_owned()).expect("name")
}

fn file(path: &str, contents: &str) -> GeneratedFile {
    GeneratedFile { path: path.to_owned(), contents: contents.to_owned(), executable: false }
}

fn commit(key: &str, files: Vec<GeneratedFile>) -> Commit {
    Commit { branch: "agent/c1".to_owned(), message: "Make Ada".to_owned(), files, idempotency_key: key.to_owned() }
}

#[tokio::test]
async fn the_same_key_is_the_same_commit() {
    let root = tempfile::tempdir().expect("dir");
    let all = repositories(root.path());
    all.create(&ada()).await.expect("created");
    all.create(&ada()).await.expect("created again");
    let first = commit("k1", vec![file("a", "1"), file(".gitignore", "b\n"), file("b", "2")]);
    let one = all.commit(&ada(), &first, 1).await.expect("committed");
    let two = all.commit(&ada(), &commit("k2", vec![file("a", "3")]), 2).await.expect("committed");
    assert_ne!(one, two);
    assert_eq!(all.commit(&ada(), &first, 99).await.expect("found"), one);
    let other = all.commit(&ada(), &commit("k1", vec![file("a", "9")]), 3).await;
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
    assert_eq!(all.read(&ada(), &one, "b").await.expect("read").as_deref(), Some(&b"2"[..]));
    assert_eq!(all.read(&ada(), &two, "b").await.expect("read"), None, "a commit is the whole tree");
    assert!(all.holds(&ada(), "agent/c1", &one).await.expect("asked"));
    assert!(!all.holds(&ada(), "agent/c2", &one).await.expect("asked"));
}

#[tokio::test]
async fn a_checkout_is_clean_and_keeps_the_executable_bit() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().expect("dir");
    let all = repositories(root.path());
    all.create(&ada()).await.expect("created");
    let script = GeneratedFile { executable: true, ..file("bin/run", "#!/bin/sh\r\n") };
    let sha = all.commit(&ada(), &commit("k", vec![script]), 1).await.expect("committed");
    let target = root.path().join("out");
    all.checkout(&ada(), &sha, &target).await.expect("checked out");
    let run = target.join("bin/run");
    assert_eq!(std::fs::read(&run).expect("read"), b"#!/bin/sh\r\n");
    assert_eq!(std::fs::metadata(&run).expect("there").permissions().mode() & 0o111, 0o111);
}

#[tokio::test]
async fn what_is_not_there_or_not_plain_is_refused() {
    let root = tempfile::tempdir().expect("dir");
    let all = repositories(root.path());
    let none = all.commit(&ada(), &commit("k", vec![]), 1).await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
    all.create(&ada()).await.expect("created");
    for branch in ["", "-x", "a..b", "a b", "/a", "a/", "refs/../x", "a.lock", "a/.b"] {
        let bad = Commit { branch: branch.to_owned(), ..commit("k", vec![]) };
        let error = all.commit(&ada(), &bad, 1).await;
        assert!(matches!(error, Err(Error::Input(_))), "{branch}: {error:?}");
    }
    let forged = commit("k\nIdempotency-Key: other", vec![]);
    assert!(matches!(all.commit(&ada(), &forged, 1).await, Err(Error::Input(_))));
    assert!(matches!(all.read(&ada(), "--help", "a").await, Err(Error::NotFound(_))));
    for name in ["acme", "a/b/c", "../x", "a/..", "a/b c", "/b"] {
        assert!(Repository::try_from(name.to_owned()).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_missing_git_is_named() {
    let root = tempfile::tempdir().expect("dir");
    let all = Repositories::new(root.path().to_owned(), root.path().into());
    let error = all.create(&ada()).await.expect_err("no git there");
    assert!(matches!(&error, Error::Missing { tool, .. } if tool == "git"), "{error}");
}
