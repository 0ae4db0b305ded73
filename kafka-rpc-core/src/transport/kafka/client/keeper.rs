//! Destroys librdkafka's clients on the one thread that may be blocked by it.

use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long to wait before looking again whether a client is still used: nobody uses one for longer
/// than a call takes.
const PAUSE: Duration = Duration::from_millis(1);

/// Keeps clients that a thread lends to others, and destroys each on that thread once nobody else
/// uses it.
///
/// Whoever borrows a client may be the last to let go of it in the slot where it was found, but never
/// the last of all: that is the keeper, which can't leave the thread that it was made on.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Keeper<T> {
    kept: Vec<Arc<T>>,
    /// It stays on its thread.
    stays: PhantomData<*const ()>,
}

impl<T> Keeper<T> {
    pub(in crate::transport::kafka) const fn new() -> Self {
        Self {
            kept: Vec::new(),
            stays: PhantomData,
        }
    }

    /// Keeps a client, to be lent to others.
    pub(in crate::transport::kafka) fn keep(&mut self, client: T) -> Arc<T> {
        let client = Arc::new(client);
        self.kept.push(Arc::clone(&client));
        client
    }

    /// Destroys the clients that nobody else uses.
    pub(in crate::transport::kafka) fn destroy_unused(&mut self) {
        for index in (0..self.kept.len()).rev() {
            if Arc::strong_count(&self.kept[index]) == 1 {
                match Arc::try_unwrap(self.kept.swap_remove(index)) {
                    Ok(client) => drop(client),
                    Err(used) => self.kept.push(used),
                }
            }
        }
    }

    /// Destroys all clients, each as soon as nobody else uses it.
    pub(in crate::transport::kafka) fn destroy_all(mut self) {
        loop {
            self.destroy_unused();
            if self.kept.is_empty() {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.destroy_unused();
        // Only a panic leaves any. Their last user may be on any thread, so they are never destroyed.
        self.kept.drain(..).for_each(mem::forget);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::thread::ThreadId;

    use super::*;
    use crate::util::sync::lock;

    /// Says on which thread it is destroyed.
    struct Client(Arc<Mutex<Vec<ThreadId>>>);

    impl Drop for Client {
        fn drop(&mut self) {
            lock(&self.0).push(thread::current().id());
        }
    }

    #[test]
    fn a_client_that_another_lets_go_last_is_destroyed_here() {
        let destroyed = Arc::default();
        let mut keeper = Keeper::new();
        let lent = keeper.keep(Client(Arc::clone(&destroyed)));
        let (let_go, waits) = mpsc::channel::<()>();
        let user = thread::spawn(move || {
            let _ = waits.recv();
            drop(lent);
        });
        keeper.destroy_unused();
        assert!(lock(&destroyed).is_empty(), "it is used");
        drop(let_go);
        user.join().expect("it ends");
        assert!(lock(&destroyed).is_empty(), "not by its last user");
        keeper.destroy_unused();
        assert_eq!(*lock(&destroyed), [thread::current().id()]);
    }

    #[test]
    fn all_are_destroyed_once_their_users_are_done() {
        let destroyed = Arc::default();
        let mut keeper = Keeper::new();
        let users: Vec<_> = (0..3)
            .map(|_| keeper.keep(Client(Arc::clone(&destroyed))))
            .map(|lent| thread::spawn(move || drop(lent)))
            .collect();
        keeper.destroy_all();
        assert_eq!(*lock(&destroyed), [thread::current().id(); 3]);
        for user in users {
            user.join().expect("it ends");
        }
    }

    #[test]
    fn a_panic_of_the_thread_has_nobody_else_destroy_a_client() {
        let destroyed = Arc::default();
        let client = Client(Arc::clone(&destroyed));
        let (lend, lent) = mpsc::channel();
        let owner = thread::spawn(move || {
            let mut keeper = Keeper::new();
            let _ = lend.send(keeper.keep(client));
            panic!("as a sink may");
        });
        let lent = lent.recv().expect("it is lent");
        assert!(owner.join().is_err());
        drop(lent);
        assert!(lock(&destroyed).is_empty());
    }
}
