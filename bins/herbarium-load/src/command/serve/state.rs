//! What a `GET` is told: whether a run goes on, how far it is, and how the last one
//! ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use herbarium_loadgen::{View, Watch};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Default)]
pub(super) struct State(Mutex<Told>);

#[derive(Default, Serialize)]
struct Told {
    runs: u64,
    running: Option<Running>,
    last: Option<Value>,
}

/// A run that goes on, as of its last interval.
#[derive(Default, Serialize)]
struct Running {
    seconds: f64,
    of: f64,
    stage: String,
    requests: u64,
    errors: u64,
}

impl State {
    /// A run begins; what is given back sees it go on.
    pub(super) fn begin(&self) -> Progress<'_> {
        let mut told = self.lock();
        told.runs += 1;
        told.running = Some(Running::default());
        Progress(self)
    }

    /// How a run ended.
    pub(super) fn end(&self, answer: Value) {
        let mut told = self.lock();
        told.running = None;
        told.last = Some(answer);
    }

    pub(super) fn told(&self) -> Value {
        let told = self.lock();
        json!({
            "ready": true,
            "runs": told.runs,
            "running": told.running,
            "last": told.last,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Progress<'a>(&'a State);

impl Watch for Progress<'_> {
    fn interval(&mut self, view: &View<'_>) {
        self.0.lock().running = Some(Running {
            seconds: view.at.as_secs_f64(),
            of: view.length.as_secs_f64(),
            stage: view.stage.to_owned(),
            requests: view.whole.requests(),
            errors: view.whole.faults().sum(),
        });
    }
}
