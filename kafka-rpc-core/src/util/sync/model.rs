//! Runs a hand-shake between threads in every order of its steps.
//!
//! The primitives of [`sync`](super) are `loom`'s in a model, so what runs is the code that users
//! run. Every place where a thread touches an atomic, a lock or a condition variable is one where
//! another may go first, and every value that the memory model lets a thread read is read once. Of
//! the orders, those are left out in which more than `preemptions` threads are interrupted where
//! they could go on; two have been enough for each bug that was planted.
//!
//! No time passes by itself. A thread that waits with a timeout waits until it is woken, so that a
//! lost wake-up, which a timeout would hide, is a deadlock, and found.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub(crate) use loom::thread;

/// Checks `model` in every order, with at most so many preemptions.
pub(crate) fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    let start = Instant::now();
    builder.check({
        let orders = Arc::clone(&orders);
        move || {
            orders.fetch_add(1, Ordering::Relaxed);
            model();
        }
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders in {:?}", start.elapsed());
}
