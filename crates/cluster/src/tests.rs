//! A cluster's life on a real PostgreSQL: start, join, leave, restart, crash.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::*;

/// Tells a re-executed test which directory its part is about.
const CHILD_VARIABLE: &str = "CLUSTER_TEST_DIRECTORY";

/// A directory that the server's account can enter, whatever the umask.
pub(crate) fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    set_mode(directory.path(), 0o755);
    directory
}

fn set_mode(path: &Path, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).unwrap();
}

async fn start(directory: &Path) -> Cluster {
    Cluster::start(Options::new(directory)).await.unwrap()
}

async fn run(cluster: &Cluster, sql: &'static str) -> Vec<String> {
    let options = cluster.connect_options("postgres");
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let rows = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

/// The server's pid, from its own file.
fn pid(directory: &Path) -> Pid {
    let text = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

/// Waits until no process of the directory's server is left.
fn await_end(directory: &Path) {
    std::fs::File::open(directory.join("server.log")).unwrap().lock().unwrap();
}

#[tokio::test]
async fn a_restart_keeps_the_data() {
    let directory = directory();
    let first = start(directory.path()).await;
    assert!(first.started_here());
    run(&first, "CREATE TABLE kept AS SELECT 'here' AS value").await;
    let server = pid(directory.path());
    first.stop().await.unwrap();
    assert!(test_kill_process(server).is_err(), "the server is still there");

    let second = start(directory.path()).await;
    assert_eq!(run(&second, "SELECT value FROM kept").await, ["here"]);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn simultaneous_starts_share_one_server_and_the_last_to_leave_stops_it() {
    let directory = directory();
    let (one, other) = tokio::join!(start(directory.path()), start(directory.path()));
    assert!(one.started_here() != other.started_here());
    let server = pid(directory.path());
    // The one that started it goes first: the server stays for the other.
    let (first, last) = if one.started_here() { (one, other) } else { (other, one) };
    first.stop().await.unwrap();
    assert_eq!(run(&last, "SELECT 'served'").await, ["served"]);
    assert_eq!(pid(directory.path()), server);
    last.stop().await.unwrap();
    assert!(!directory.path().join("data/postmaster.pid").exists());
    await_end(directory.path());
}

#[tokio::test]
async fn dropping_stops_the_server_too() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let server = pid(directory.path());
    drop(cluster);
    assert!(test_kill_process(server).is_err(), "the server is still there");
}

#[tokio::test]
async fn a_killed_server_is_recovered_at_the_next_start() {
    let directory = directory();
    let mut cluster = start(directory.path()).await;
    run(&cluster, "CREATE TABLE kept AS SELECT 'here' AS value").await;
    kill_process(pid(directory.path()), Signal::KILL).unwrap();
    cluster.reaper.take().unwrap().join().unwrap().unwrap();
    // Its file says "ready" for good, and its children may still be going.
    let next = start(directory.path()).await;
    assert!(next.started_here());
    assert_eq!(run(&next, "SELECT value FROM kept").await, ["here"]);
    next.stop().await.unwrap();
    cluster.stop().await.unwrap();
    await_end(directory.path());
}

#[tokio::test]
async fn a_killed_service_leaves_its_server_to_the_next() {
    if let Some(directory) = std::env::var_os(CHILD_VARIABLE) {
        return be_killed(Path::new(&directory)).await;
    }
    let directory = directory();
    let (mut child, _) = reexecute("tests::a_killed_service_leaves_its_server_to_the_next", directory.path());
    let first = pid(directory.path());
    child.kill().unwrap();
    child.wait().unwrap();

    let next = start(directory.path()).await;
    assert!(!next.started_here());
    assert_eq!(pid(directory.path()), first);
    assert_eq!(run(&next, "SELECT value FROM kept").await, ["here"]);
    next.stop().await.unwrap();
    await_end(directory.path());
}

#[tokio::test]
async fn a_server_that_left_its_pid_to_another_process_starts_again() {
    let directory = directory();
    start(directory.path()).await.stop().await.unwrap();
    // What a power cut leaves: a file with a pid, which after the restart is somebody else's, or nobody's yet.
    let mut living = std::process::Command::new("cat");
    Account::for_server().unwrap().run(&mut living);
    let mut living = living.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let (data, run) = (directory.path().join("data"), directory.path().join("run"));
    let left = format!("{}\n{}\n1750000000\n5432\n{}\n\n", living.id(), data.display(), run.display());
    for file in [data.join("postmaster.pid"), run.join(".s.PGSQL.5432.lock")] {
        std::fs::write(file, &left).unwrap();
    }
    let next = start(directory.path()).await;
    assert!(next.started_here());
    next.stop().await.unwrap();
    living.kill().unwrap();
    living.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_was_cut_off_with_its_service_starts_again_at_once() {
    if let Some(directory) = std::env::var_os(CHILD_VARIABLE) {
        return be_killed(Path::new(&directory)).await;
    }
    let directory = directory();
    let name = "tests::a_server_that_was_cut_off_with_its_service_starts_again_at_once";
    let (mut child, _) = reexecute(name, directory.path());
    child.kill().unwrap();
    kill_process(pid(directory.path()), Signal::KILL).unwrap();
    child.wait().unwrap();

    let next = start(directory.path()).await;
    assert!(next.started_here());
    assert_eq!(run(&next, "SELECT value FROM kept").await, ["here"]);
    next.stop().await.unwrap();
    await_end(directory.path());
}

/// The killed service's part: writes, says so, and waits for its end.
async fn be_killed(directory: &Path) {
    let cluster = start(directory).await;
    run(&cluster, "CREATE TABLE kept AS SELECT 'here' AS value").await;
    announce("");
    std::future::pending::<()>().await;
}

/// Says that the re-executed test got where it should be killed.
pub(crate) fn announce(detail: &str) {
    writeln!(std::io::stdout(), "\nready {detail}").unwrap();
}

/// Runs the test `name` of this binary in a process of its own, up to its
/// announcement, which comes with it.
pub(crate) fn reexecute(name: &str, directory: &Path) -> (Child, String) {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD_VARIABLE, directory)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let announced = lines.into_iter().find_map(|line| Some(line.strip_prefix("ready ")?.to_owned()));
    (child, announced.expect("the re-executed test ended early"))
}

/// Whether this process is a re-executed one.
pub(crate) fn is_reexecuted() -> bool {
    std::env::var_os(CHILD_VARIABLE).is_some()
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_and_in_need_of_quotes_works() {
    let parent = directory();
    let directory = parent.path().join(format!("it's a \"long, long\" path {}", "x".repeat(100)));
    let cluster = start(&directory).await;
    let socket = cluster.socket_directory().to_owned();
    assert!(socket.as_os_str().len() < 90, "{socket:?}");
    let joined = start(&directory).await;
    assert_eq!(joined.socket_directory(), socket);
    joined.stop().await.unwrap();
    cluster.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn its_url_connects_and_a_database_is_ensured_once() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let (one, other) = tokio::join!(cluster.ensure_database("odd \"name\""), cluster.ensure_database("odd \"name\""));
    one.and(other).unwrap();
    cluster.ensure_database("plain").await.unwrap();
    cluster.ensure_database("plain").await.unwrap();
    let mut connection = PgConnection::connect(&cluster.url("plain")).await.unwrap();
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(name, "plain");
    connection.close().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let directory = directory();
    start(directory.path()).await.stop().await.unwrap();
    std::fs::write(directory.path().join("data/postgresql.conf"), "no_such_setting = 1\n").unwrap();
    let error = Cluster::start(Options::new(directory.path())).await.unwrap_err();
    assert!(matches!(error, Error::Exited { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn an_interrupted_first_start_is_begun_anew() {
    let directory = directory();
    std::fs::create_dir(directory.path().join("data.new")).unwrap();
    std::fs::write(directory.path().join("data.new/PG_VERSION"), "half").unwrap();
    start(directory.path()).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_stuck_transition_is_reported() {
    let directory = directory();
    let layout = Layout::prepare(directory.path(), &Account::for_server().unwrap()).unwrap();
    let _stuck = layout.try_begin_transition().unwrap().unwrap();
    let options = Options { patience: Duration::ZERO, ..Options::new(directory.path()) };
    let error = Cluster::start(options).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_closed_to_the_server_is_named() {
    if !rustix::process::geteuid().is_root() {
        return; // only root's server runs as somebody else
    }
    let closed = directory();
    set_mode(closed.path(), 0o700);
    let error = Cluster::start(Options::new(closed.path().join("inner"))).await.unwrap_err();
    assert!(error.to_string().contains(&format!("{} is closed to it", closed.path().display())), "{error}");
}
