//! Several forges on one folder, as several processes have them: their locks exclude each other in the same way.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn everything_asked_of_all_at_once_is_done_once() {
    let mut stand = Stand::new().await;
    let forges = join_all((0..4).map(|_| stand.open())).await;
    forges.iter().for_each(Local::start);
    let committed = join_all(forges.iter().map(|forge| stand.committed(forge))).await;
    let (repository, dispatch) = &committed[0];
    assert!(committed.iter().all(|(_, other)| other.sha == dispatch.sha), "one commit");
    let runs = join_all(forges.iter().map(|forge| forge.dispatch(repository, dispatch))).await;
    let runs: Vec<_> = runs.into_iter().map(|run| run.expect("dispatched")).collect();
    assert_eq!(runs, [runs[0]; 4]);
    let told = stand.until("ci completed success").await;
    assert_eq!(told.len(), 3 + 5 * 3, "{told:?}");
    assert_eq!((stand.calls("black"), stand.calls("tests/unit"), stand.calls("pip wheel")), (1, 1, 1));

    let again = join_all(forges.iter().map(|forge| forge.rerun(repository, runs[0], "r/rerun/1"))).await;
    assert!(again.into_iter().all(|attempt| attempt.expect("begun") == 2));
    stand.until("ci completed success").await;
    assert_eq!(stand.calls("tests/unit"), 2);
    stand.settled().await;
}

#[tokio::test]
async fn runs_of_different_keys_have_different_ids() {
    let stand = Stand::new().await;
    let forges = join_all((0..4).map(|_| stand.open())).await;
    let (repository, dispatch) = stand.committed(&forges[0]).await;
    let keyed = |number| Dispatch { idempotency_key: format!("r/dispatch/{number}"), ..dispatch.clone() };
    let keyed: Vec<_> = (0..8).map(keyed).collect();
    let all = keyed.iter().enumerate().map(|(number, one)| forges[number % 4].dispatch(&repository, one));
    let mut runs: Vec<_> = join_all(all).await.into_iter().map(|run| run.expect("dispatched")).collect();
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs.len(), 8);
}

#[tokio::test]
async fn what_a_dead_process_left_another_takes_up() {
    let mut stand = Stand::new().await;
    stand.put("hold-build");
    let (one, other) = (stand.open().await, stand.open().await);
    other.start();
    let (repository, _, run) = stand.dispatched(&one).await;
    stand.until("build in_progress").await;
    stand.remove("hold-build");
    drop(one);
    let told = stand.until("ci completed success").await;
    assert!(!told.iter().any(|text| text.starts_with("unit-tests")), "{told:?}");
    assert_eq!((stand.calls("black"), stand.calls("tests/unit")), (1, 1));
    assert_eq!(other.status(&repository, run).await.expect("known").attempt, 1);
    stand.settled().await;
}

#[tokio::test]
async fn whoever_is_asked_can_end_a_run_of_another() {
    let mut stand = Stand::new().await;
    stand.put("hold-unit");
    let (one, other) = (stand.open().await, stand.open().await);
    let (repository, _, run) = stand.dispatched(&one).await;
    stand.until("unit-tests in_progress").await;
    other.cancel(&repository, run).await.expect("asked");
    assert_eq!(stand.until("ci completed cancelled").await[0], "unit-tests completed cancelled");
    let ended = other.status(&repository, run).await.expect("known");
    assert_eq!(ended.conclusion.as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn the_service_may_be_at_a_private_address() {
    for url in ["http://10.1.2.3/hook", "http://[fd00::1]:8015/hook", "http://api.internal/hook"] {
        let url: Url = url.parse().expect("url");
        let egress = Egress::new(policy(&url)).expect("client");
        assert!(egress.request(reqwest::Method::POST, &url).is_ok(), "{url}");
        let other: Url = "http://10.1.2.4/hook".parse().expect("url");
        assert!(egress.request(reqwest::Method::POST, &other).is_err(), "another private address");
    }
}
