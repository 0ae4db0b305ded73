//! Waits for several futures at once.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// A future that may fail.
pub(crate) type Fallible<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'a>>;

/// Polls all of these until each is done, or one has failed: whatever isn't done then is dropped.
pub(crate) async fn try_join_all<E>(mut futures: Vec<Fallible<'_, E>>) -> Result<(), E> {
    std::future::poll_fn(move |context| {
        let mut failed = None;
        // What is done isn't polled again.
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                failed.get_or_insert(error);
                false
            }
        });
        match failed {
            Some(error) => Poll::Ready(Err(error)),
            None if futures.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn they_run_at_the_same_time_and_one_failure_ends_them() {
        let (first, heard) = oneshot::channel();
        // The first waits for the second.
        let waits: Fallible<'_, u32> = Box::pin(async move {
            let _ = heard.await;
            Ok(())
        });
        let tells: Fallible<'_, u32> = Box::pin(async move {
            let _ = first.send(());
            Ok(())
        });
        assert_eq!(try_join_all(vec![waits, tells]).await, Ok(()));
        let never: Fallible<'_, u32> = Box::pin(std::future::pending());
        let fails: Fallible<'_, u32> = Box::pin(async { Err(7) });
        assert_eq!(try_join_all(vec![never, fails]).await, Err(7));
    }
}
