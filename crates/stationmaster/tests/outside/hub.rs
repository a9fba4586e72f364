//! A GitHub on loopback: its REST API as far as the service uses it, builds that report by signed webhooks, and the registry
//! that they push to. It keeps what it is given, answers in GitHub's shapes, and behaves as badly as a test wants.
//!
//! Its state is one value that tests watch: nothing here is waited for by the clock.

mod actions;
mod git;
mod hooks;
mod registry;
mod rest;
mod shapes;

use std::{collections::BTreeMap, future::IntoFuture, net::SocketAddr, sync::Arc};

use axum::Router;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use crate::house::PATIENCE;

/// Whom all repositories belong to.
pub(crate) const OWNER: &str = "acme";

/// What the API is asked with.
pub(crate) const TOKEN: &str = "ghp_t0ken";

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "a secret of webhooks";

/// The jobs of a build, each after the one before.
pub(crate) const JOBS: [&str; 5] = ["lint", "unit-tests", "build", "integration-tests", "push"];

/// When the webhooks of a build are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhooks {
    /// Each once, in order.
    InOrder,
    /// All when the build has ended: each five times, at the same time, the last first.
    Storm,
    /// Not at all.
    Never,
}

/// How this GitHub behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) webhooks: Webhooks,
    /// The job that fails in the first attempt of a build.
    pub(crate) fails: Option<&'static str>,
    /// Whether it knows `return_run_details`, as github.com does since 2026 and older servers do not.
    pub(crate) names_runs: bool,
    /// Whether builds show in the list of runs.
    pub(crate) shows_runs: bool,
    /// Whether jobs that have begun come to their end.
    pub(crate) builds: bool,
    /// Whether a dispatch that was taken is answered.
    pub(crate) answers_dispatches: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            webhooks: Webhooks::InOrder,
            fails: None,
            names_runs: true,
            shows_runs: true,
            builds: true,
            answers_dispatches: true,
        }
    }
}

/// Everything that it knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) manners: Manners,
    pub(crate) repositories: BTreeMap<String, git::Repository>,
    /// In the order of their dispatches.
    pub(crate) runs: Vec<actions::Run>,
    /// The status that each delivery of a webhook was answered with.
    pub(crate) deliveries: Vec<u16>,
    /// Where webhooks go.
    hook: Option<String>,
    /// The last identifier that was given to anything.
    last: u64,
}

/// The server.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    http: reqwest::Client,
}

impl Hub {
    /// Opens on a free port.
    pub(crate) async fn open(manners: Manners) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            manners,
            repositories: BTreeMap::new(),
            runs: Vec::new(),
            deliveries: Vec::new(),
            hook: None,
            last: 30_433_641,
        };
        let hub = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            state: watch::Sender::new(state),
            http: reqwest::Client::new(),
        });
        let router = Router::new().fallback(rest::serve).with_state(Arc::clone(&hub));
        tokio::spawn(axum::serve(listener, router).into_future());
        hub
    }

    /// Sends the webhooks of the organisation to the service at `api` from here on.
    pub(crate) fn send_webhooks_to(&self, api: &str) {
        self.change(|state| state.hook = Some(format!("{api}/pp/v1/webhooks/github")));
    }

    /// Behaves otherwise from here on.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        self.state.send_modify(|state| change(&mut state.manners));
    }

    /// Something about what it knows now.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.state.borrow())
    }

    /// Waits until it knows something, as long as it learns anything at all.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        while !wanted(&state.borrow_and_update()) {
            let changed = tokio::time::timeout(PATIENCE, state.changed()).await;
            assert!(changed.is_ok(), "GitHub never knew {what}: {:#?}", self.look(|state| state.runs.clone()));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut answer = None;
        self.state.send_modify(|state| answer = Some(change(state)));
        answer.unwrap()
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// An identifier that looks like a hash.
    fn sha(&mut self) -> String {
        format!("{:040x}", u128::from(self.next()) << 64)
    }

    fn run(&self, id: u64) -> Option<&actions::Run> {
        self.runs.iter().find(|run| run.id == id)
    }
}

/// A status and a body, as the API answers.
type Reply = (u16, Value);
