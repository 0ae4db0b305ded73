//! Puts kafka-rpc's warnings and errors into the history.

use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use super::event;
use super::history::Writer;

/// Records what this process logs from now on.
pub(super) fn record_warnings(history: &Arc<Writer>) {
    let recorder = Recorder {
        history: Arc::clone(history),
        spans: AtomicU64::new(0),
    };
    // Fails only if it was done before, in a process that does nothing else.
    let _ = tracing::subscriber::set_global_default(recorder);
}

struct Recorder {
    history: Arc<Writer>,
    spans: AtomicU64,
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.history.record(event::Event::Log {
            level: event.metadata().level().to_string(),
            target: event.metadata().target().to_owned(),
            message: text.0,
        });
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = if field.name() == "message" {
            write!(self.0, "{value:?} ")
        } else {
            write!(self.0, "{}={value:?} ", field.name())
        };
        // Writing to a string doesn't fail.
        let _ = written;
    }
}
