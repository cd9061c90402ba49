//! The first of two futures, without a macro.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pin_project_lite::pin_project;

/// Which future was first.
pub(crate) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Runs both until one is done; the left one is asked first, every time.
pub(crate) async fn race<A: Future, B: Future>(left: A, right: B) -> First<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}

/// A future that is asked only when it has something to say, however often the
/// task that it is part of is woken for something else. What waits for the end
/// of a service would else cost every request some locks.
pub(crate) fn aside<F: Future>(inner: F) -> Aside<F> {
    Aside { inner, bell: Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::new(None) }) }
}

pin_project! {
    /// See [`aside`].
    pub(crate) struct Aside<F> {
        #[pin]
        inner: F,
        bell: Arc<Bell>,
    }
}

struct Bell {
    rung: AtomicBool,
    /// The task, as of when the future was asked last.
    task: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// For futures that stay in one task: a waker is taken only when it is asked.
impl<F: Future> Future for Aside<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !this.bell.rung.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        *this.bell.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        this.inner.poll(&mut Context::from_waker(&Waker::from(Arc::clone(this.bell))))
    }
}
