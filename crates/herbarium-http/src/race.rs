//! A future, as long as another one is not done.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// What the future gives; `None` if the other one was done before.
pub(crate) async fn race<A: Future, B: Future>(future: A, other: B) -> Option<A::Output> {
    let (mut future, mut other) = (pin!(future), pin!(other));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => other.as_mut().poll(cx).map(|_| None),
    })
    .await
}
