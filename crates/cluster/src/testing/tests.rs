//! Test databases are private, made from one set-up, and leave nothing.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::tests::{announce, is_reexecuted, reexecute};

async fn tables(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn databases_of_one_template_are_set_up_once_and_private() {
    static SETUPS: AtomicUsize = AtomicUsize::new(0);
    let setup = async |pool: PgPool| {
        SETUPS.fetch_add(1, Ordering::SeqCst);
        sqlx::query("CREATE TABLE shared ()").execute(&pool).await.map(drop)
    };
    let (one, other) = tokio::join!(TestDatabase::create("private", setup), TestDatabase::create("private", setup));
    let (one, other) = (one.unwrap(), other.unwrap());
    sqlx::query("CREATE TABLE own ()").execute(one.pool()).await.unwrap();
    assert_eq!(tables(one.pool()).await, 2);
    assert_eq!(tables(other.pool()).await, 1);
    assert_eq!(SETUPS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_setup_is_reported_and_leaves_no_template() {
    let fail = async |_: PgPool| Err::<(), _>("no such migration");
    let error = TestDatabase::create("failing", fail).await.unwrap_err();
    assert!(error.to_string().contains("no such migration"), "{error}");
    let work = async |_: PgPool| Ok::<(), sqlx::Error>(());
    TestDatabase::create("failing", work).await.unwrap();
}

#[tokio::test]
async fn a_template_name_that_sql_would_mangle_is_refused() {
    let setup = async |_: PgPool| Ok::<(), sqlx::Error>(());
    for name in ["", "Upper", "semi;colon", &"x".repeat(41)] {
        let error = TestDatabase::create(name, setup).await.unwrap_err();
        assert!(matches!(error, Error::TemplateName { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_dropped_database_is_gone_though_in_use() {
    let setup = async |_: PgPool| Ok::<(), sqlx::Error>(());
    let database = TestDatabase::create("dropped", setup).await.unwrap();
    let (name, admin) = (database.name.clone(), database.admin.clone());
    let _in_use = database.pool().acquire().await.unwrap();
    drop(database);
    let mut connection = PgConnection::connect_with(&admin).await.unwrap();
    let left = sqlx::query("SELECT FROM pg_database WHERE datname = $1").bind(&name);
    assert!(left.fetch_optional(&mut connection).await.unwrap().is_none());
}

#[tokio::test]
async fn the_server_of_a_killed_test_process_ends_and_leaves_nothing() {
    if is_reexecuted() {
        let server = TetheredServer::start().await.unwrap();
        let socket = server.server.socket_directory().to_owned();
        announce(socket.parent().unwrap().to_str().unwrap());
        return std::future::pending().await;
    }
    let name = "testing::tests::the_server_of_a_killed_test_process_ends_and_leaves_nothing";
    let (mut child, directory) = reexecute(name, Path::new("-"));
    let directory = Path::new(&directory);
    let pid = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.lines().next().unwrap().parse().unwrap()).unwrap();
    // Held by the supervisor and the server until the last of them is gone.
    let log = std::fs::File::open(directory.join("server.log")).unwrap();
    assert!(log.try_lock().is_err(), "the server does not hold its log");

    child.kill().unwrap();
    child.wait().unwrap();
    log.lock().unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "the server is still there");
    assert!(!directory.exists(), "{} is still there", directory.display());
}
