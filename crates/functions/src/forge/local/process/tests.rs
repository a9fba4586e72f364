//! Real process groups; a named pipe tells when the last of a group is gone.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn lock(directory: &Path) -> Lock {
    Lock::attempt(&directory.join("lock")).expect("asked").expect("free")
}

fn shell<'a>(script: &str, directory: &Path, lock: &'a Lock) -> Invocation<'a> {
    Invocation {
        lock,
        program: "/bin/sh".into(),
        args: ["-c", script].map(OsString::from).into(),
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        directory: directory.to_owned(),
    }
}

/// A named pipe, open for reading; it ends when nobody holds its other end.
async fn pipe(directory: &Path) -> BufReader<tokio::fs::File> {
    let path = directory.join("pipe");
    BufReader::new(tokio::fs::File::open(&path).await.expect("a writer came"))
}

fn make_pipe(directory: &Path) {
    let made = std::process::Command::new("mkfifo").arg(directory.join("pipe")).status().expect("mkfifo");
    assert!(made.success());
}

/// Says that it is there, with a child of its own that also holds the pipe.
const HOLD: &str = "exec 9>pipe; sleep 600 & echo up >&9; sleep 600";

#[tokio::test]
async fn output_and_code_are_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let (lock, log) = (lock(dir.path()), dir.path().join("log"));
    let fails = shell("echo one; echo two >&2; echo $SECRET; exit 3", dir.path(), &lock);
    assert_eq!(run(&fails, &log, LONG).await, Err(Failure::Exit(Some(3))));
    assert_eq!(run(&shell("exit 0", dir.path(), &lock), &log, LONG).await, Ok(()));
    assert_eq!(std::fs::read_to_string(&log).expect("log"), "one\ntwo\n\n");
}

#[tokio::test]
async fn a_missing_program_is_told() {
    let dir = tempfile::tempdir().expect("dir");
    let lock = lock(dir.path());
    let missing = Invocation { program: "no-such-program".into(), ..shell("", dir.path(), &lock) };
    let failure = run(&missing, &dir.path().join("log"), LONG).await.expect_err("missing");
    assert_eq!(failure, Failure::Exit(Some(127)));
    assert!(failure.to_string().contains("not found"));
}

#[tokio::test]
async fn dropping_kills_the_whole_group() {
    let dir = tempfile::tempdir().expect("dir");
    make_pipe(dir.path());
    let (held, log) = (lock(dir.path()), dir.path().join("log"));
    let what = shell(HOLD, dir.path(), &held);
    let mut reader = tokio::select! {
        ended = run(&what, &log, LONG) => panic!("{ended:?}"),
        reader = async {
            let mut reader = pipe(dir.path()).await;
            reader.read_line(&mut String::new()).await.expect("up");
            reader
        } => reader,
    };
    assert_eq!(reader.read_to_end(&mut Vec::new()).await.expect("all gone"), 0);
    drop(held);
    Lock::wait(&dir.path().join("lock")).await.expect("the dead hold nothing");
}

#[tokio::test]
async fn the_time_limit_kills() {
    let dir = tempfile::tempdir().expect("dir");
    let limit = Duration::from_millis(50);
    let lock = lock(dir.path());
    let failure = run(&shell("sleep 600", dir.path(), &lock), &dir.path().join("log"), limit).await;
    assert_eq!(failure, Err(Failure::Timeout(limit)));
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_killed() {
    let dir = tempfile::tempdir().expect("dir");
    make_pipe(dir.path());
    let (lock, log) = (lock(dir.path()), dir.path().join("log"));
    let what = shell("exec 9>pipe; sleep 600 & exit 0", dir.path(), &lock);
    let (ended, mut reader) = tokio::join!(run(&what, &log, LONG), pipe(dir.path()));
    assert_eq!(ended, Ok(()));
    assert_eq!(reader.read_to_end(&mut Vec::new()).await.expect("all gone"), 0);
}

/// As when we die by SIGKILL: only the pipe ends, nobody sends a signal, and the lock is the group's as long as it lives.
#[tokio::test]
async fn the_end_of_our_pipe_kills_the_group() {
    let dir = tempfile::tempdir().expect("dir");
    make_pipe(dir.path());
    let (path, held) = (dir.path().join("lock"), lock(dir.path()));
    let mut child = Command::new("/bin/sh")
        .args(["-c", SUPERVISOR, "supervisor", "/bin/sh", "-c", HOLD])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stderr(held.handle().expect("a handle"))
        .process_group(0)
        .spawn()
        .expect("started");
    let alive = child.stdin.take();
    let mut reader = pipe(dir.path()).await;
    reader.read_line(&mut String::new()).await.expect("up");
    drop(held);
    assert!(Lock::attempt(&path).expect("asked").is_none(), "the group works on");
    drop(alive);
    assert_eq!(reader.read_to_end(&mut Vec::new()).await.expect("all gone"), 0);
    Lock::wait(&path).await.expect("the dead hold nothing");
    assert!(!child.wait().await.expect("reaped").success());
}
