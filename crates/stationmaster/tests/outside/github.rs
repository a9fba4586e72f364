//! A whole creation through GitHub, whatever its webhooks do (`REQUIREMENTS R60-R69, A29-A31`).

use serde_json::{Value, json};

use crate::{
    hub::{Manners, Webhooks},
    works::{Asked, Works},
};

/// Ten minutes of silence, after which the forge is asked, pass in a second.
const HURRY: [&str; 2] = ["--time-scale", "600"];

async fn is_created(manners: Manners, more: &[&str]) {
    let works = Works::open(manners, more).await;
    let asked = works.ask("Ada").await;
    let done = works.hand_over(&asked).await;
    assert_eq!(done["progress_percentage"], 100, "{done:#}");
    works.five_stages(&asked).await;
    works.made_once(&asked, &done).await;
    assert_eq!(works.hub.look(|state| state.repositories.len()), 1);
    assert!(works.post.is_empty(), "nothing went wrong");
    works.close().await;
}

#[tokio::test]
async fn an_agent_is_created_through_github() {
    is_created(Manners::default(), &[]).await;
}

#[tokio::test]
async fn webhooks_that_never_come_are_asked_for() {
    is_created(Manners { webhooks: Webhooks::Never, ..Manners::default() }, &HURRY).await;
}

#[tokio::test]
async fn webhooks_that_come_five_times_and_the_last_first_count_once() {
    is_created(Manners { webhooks: Webhooks::Storm, ..Manners::default() }, &[]).await;
}

#[tokio::test]
async fn a_failed_build_is_told_once_and_run_again_and_its_old_reports_count_no_more() {
    let mut works = Works::open(Manners { fails: Some("unit-tests"), ..Manners::default() }, &[]).await;
    let asked = works.ask("Ada").await;
    works.until(&asked, "cicd_failed").await;
    assert_eq!(works.post.letter().await.header("Subject"), "CI failed for Ada");

    works.hub.behave(|manners| manners.builds = false);
    works.orchestrator.post(&asked.act("cicd/retry"), &json!({})).await;
    works.orchestrator.until(&asked.act("cicd-pipeline"), |pipeline| pipeline["attempt"] == 2).await;
    let build = works.hub.look(|state| state.runs[0].id);
    works.hub.repeat(build, 1).await;
    works.hub.behave(|manners| manners.builds = true);

    let done = works.hand_over(&asked).await;
    works.five_stages(&asked).await;
    works.made_once(&asked, &done).await;
    assert_eq!(works.hub.look(|state| state.runs[0].attempts.len()), 2);
    assert!(works.post.is_empty(), "one mail");
    works.close().await;
}

#[tokio::test]
async fn a_creation_that_is_called_off_ends_its_build() {
    let works = Works::open(Manners { builds: false, ..Manners::default() }, &[]).await;
    let asked = works.ask("Ada").await;
    works.until(&asked, "cicd_running").await;
    call_off(&works, &asked).await;
    works.close().await;
}

/// The creation knows no build yet, nor does GitHub show it.
#[tokio::test]
async fn a_creation_that_is_called_off_while_its_build_is_dispatched_ends_it_as_soon_as_it_shows() {
    let silent = Manners { builds: false, answers_dispatches: false, shows_runs: false, ..Manners::default() };
    let works = Works::open(silent, &["--time-scale", "20"]).await;
    let asked = works.ask("Ada").await;
    works.hub.until("a dispatch", |state| state.runs.len() == 1).await;
    works.orchestrator.post(&asked.act("cancel"), &json!({"reason": "no longer needed"})).await;
    let looked = |list: &Value| list["runs"][0]["due_at"].is_string();
    works.admin.until("/runs?definition=stationmaster/build-cancellation", looked).await;
    assert_eq!(works.hub.look(|state| state.runs[0].cancelled), 0);
    works.hub.behave(|manners| manners.shows_runs = true);
    has_ended(&works, &asked).await;
    works.close().await;
}

async fn call_off(works: &Works, asked: &Asked) {
    works.orchestrator.post(&asked.act("cancel"), &json!({"reason": "no longer needed"})).await;
    has_ended(works, asked).await;
}

/// The build was told to end, and so were the creation and its run; nobody cancels twice.
async fn has_ended(works: &Works, asked: &Asked) {
    works.hub.until("the end of the build", |state| state.runs[0].conclusion == Some("cancelled")).await;
    works.until(asked, "cancelled").await;
    works.admin.until(&format!("/runs/{}", asked.run), |run| run["phase"] == "cancelled").await;
    let ended = |list: &Value| list["runs"][0]["phase"] == "completed";
    works.admin.until("/runs?definition=stationmaster/build-cancellation", ended).await;
    assert_eq!(works.hub.look(|state| (state.runs.len(), state.runs[0].cancelled)), (1, 1));
}

/// The service dies while GitHub, an older one that does not name the runs it starts, has not answered its dispatch yet.
#[tokio::test]
async fn a_dispatch_outlives_a_crash_though_its_run_shows_late() {
    let late = Manners { names_runs: false, answers_dispatches: false, shows_runs: false, ..Manners::default() };
    let hurry = ["--time-scale", "10"];
    let works = Works::open(late, &hurry).await;
    let asked = works.ask("Ada").await;
    works.hub.until("a dispatch", |state| state.runs.len() == 1).await;
    let works = works.crash(&hurry).await;
    works.hub.behave(|manners| manners.answers_dispatches = true);
    let history = format!("/runs/{}/history?limit=200", asked.run);
    let put_off = |page: &Value| page["facts"].as_array().unwrap().iter().any(|fact| fact["fact"] == "call_deferred");
    works.admin.until(&history, put_off).await;
    works.hub.behave(|manners| manners.shows_runs = true);
    let done = works.hand_over(&asked).await;
    works.made_once(&asked, &done).await;
    works.close().await;
}
