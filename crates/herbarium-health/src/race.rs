//! The first of two futures, without a macro.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

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
