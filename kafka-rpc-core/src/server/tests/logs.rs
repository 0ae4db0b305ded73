//! What a server logs doesn't grow with what its peers do.

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::transport::memory::Access;

/// Counts the lines with this text.
#[derive(Clone)]
struct Lines(&'static str, Arc<AtomicUsize>);

impl Visit for Lines {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" && format!("{value:?}").contains(self.0) {
            self.1.fetch_add(1, SeqCst);
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_lost_for_one_cause_are_logged_once_in_a_while() {
    let lines = Lines("could not be brought to its caller", Arc::default());
    // All of it runs on this thread.
    let _listening = tracing::subscriber::set_default(lines.clone());
    let rig = Rig::new();
    let server = rig.start().await;
    rig.broker.faults().deny(RESULTS, Access::Write);
    for _ in 0..500 {
        rig.send(&rig.command("echo", b"\x01"));
    }
    until(|| server.stats().lost_replies == 500).await;
    // The throttle goes by the real time, and 10 s may pass on a busy machine.
    let logged = lines.1.load(SeqCst);
    assert!((1..10).contains(&logged), "{logged} lines for 500 replies");
}
