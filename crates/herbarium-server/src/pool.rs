//! Work that may not run where requests are served: parsing, decoding, asking.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use herbarium::Cancel;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::{task, time};

use crate::metrics::{IN_FLIGHT, WORK_LOST, WORK_REFUSED};
use crate::problem::{self, Problem};

/// So many pieces of work at a time, and so many more that wait.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    name: &'static str,
    workers: Arc<Semaphore>,
    /// Permits for those that run and those that wait.
    places: Arc<Semaphore>,
    /// How long cancelled work may go on and keep its turn.
    patience: Duration,
}

/// A place among those that run. Work that has one is counted.
pub(crate) struct Turn {
    name: &'static str,
    _worker: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) fn new(name: &'static str, workers: usize, queue: usize) -> Self {
        let workers = workers.clamp(1, Semaphore::MAX_PERMITS / 2);
        let places = workers.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            name,
            workers: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(places)),
            patience: PATIENCE,
        }
    }

    /// Waits for a worker; refused at once where too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn, Problem> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            WORK_REFUSED.as_counter(&[self.name]).increment(1);
            return Err(problem::busy());
        };
        let worker = Arc::clone(&self.workers).acquire_owned().await;
        let worker = worker.map_err(|_| problem::stopping())?;
        IN_FLIGHT.as_gauge(&[self.name]).increment(1);
        Ok(Turn { name: self.name, _worker: worker, _place: place })
    }

    /// Does a piece of work. If nobody waits for it any more it is cancelled.
    ///
    /// Work that goes on all the same is lost: a scanner of a grammar that hangs cannot be
    /// stopped. It keeps its thread, and another piece gets its turn after [`PATIENCE`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn().await?;
        let (cancel, running) = (Cancel::new(), Running::new(turn));
        let (patience, runtime) = (self.patience, Handle::current());
        let _lose = LoseOnDrop { running: running.clone(), patience, runtime };
        let _guard = CancelOnDrop(cancel.clone());
        let done = task::spawn_blocking(move || {
            let _end = EndOnDrop(running);
            work(&cancel)
        });
        done.await.map_err(|error| match error.try_into_panic() {
            // For the handler's caller to answer and to count, as any other panic.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => problem::stopping(),
        })
    }

    /// Nobody gets a turn any more.
    pub(crate) fn close(&self) {
        self.workers.close();
    }
}

/// What looks at its cancellation at all ends within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// A piece of work, and how it is with its turn.
#[derive(Clone)]
struct Running(Arc<Mutex<State>>);

enum State {
    /// It runs.
    InTurn(Turn),
    /// It runs all the same: another has its turn, in the pool of this name.
    Lost(&'static str),
    Over,
}

impl Running {
    fn new(turn: Turn) -> Self {
        Self(Arc::new(Mutex::new(State::InTurn(turn))))
    }

    /// Takes the turn from it, unless it is over.
    fn lose(&self) {
        let mut state = self.state();
        let State::InTurn(turn) = &*state else { return };
        let name = turn.name;
        WORK_LOST.as_gauge(&[name]).increment(1);
        *state = State::Lost(name);
        tracing::warn!(
            pool = name,
            "cancelled work does not end, and keeps its thread: a grammar's scanner may hang"
        );
    }

    fn end(&self) {
        if let State::Lost(name) = std::mem::replace(&mut *self.state(), State::Over) {
            WORK_LOST.as_gauge(&[name]).decrement(1);
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.state(), State::Over)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that a piece of work is over, when its thread lets go of it.
struct EndOnDrop(Running);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Takes the turn from a piece of work that goes on when nobody waits for it any more.
struct LoseOnDrop {
    running: Running,
    patience: Duration,
    runtime: Handle,
}

impl Drop for LoseOnDrop {
    fn drop(&mut self) {
        if self.running.is_over() {
            return;
        }
        let (running, patience) = (self.running.clone(), self.patience);
        self.runtime.spawn(async move {
            time::sleep(patience).await;
            running.lose();
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IN_FLIGHT.as_gauge(&[self.name]).decrement(1);
    }
}

/// Cancels what it belongs to when that is no longer wanted.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_too_many_is_refused_and_the_others_have_their_turn() {
        let pool = Pool::new("trees", 1, 1);
        let (go, wait) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move |_| wait.recv().is_ok()).await }
        });
        while pool.workers.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|_| 2).await }
        });
        while pool.places.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(pool.run(|_| 3).await.is_err());
        go.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_is_cancelled() {
        let pool = Pool::new("trees", 1, 1);
        let (told, hear) = mpsc::channel();
        let work = pool.run(move |cancel| {
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            told.send(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        hear.recv_timeout(Duration::from_secs(10)).unwrap();
        pool.run(|_| ()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_does_not_end_loses_its_turn() {
        let pool = Pool { patience: Duration::from_millis(10), ..Pool::new("trees", 1, 1) };
        let (go, wait) = mpsc::channel::<()>();
        let hangs = pool.run(move |_| wait.recv().is_ok());
        assert!(tokio::time::timeout(Duration::from_millis(20), hangs).await.is_err());
        assert_eq!(pool.run(|_| 2).await.unwrap(), 2);
        assert_eq!(pool.run(|_| 3).await.unwrap(), 3);
        go.send(()).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_panics_gives_its_turn_back() {
        let pool = Pool::new("trees", 1, 0);
        let panics = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|_| std::panic::resume_unwind(Box::new("stop"))).await }
        });
        let ended: Result<Result<(), _>, _> = panics.await;
        assert!(ended.is_err());
        pool.run(|_| ()).await.unwrap();
    }
}
