//! What a transition leads to, once the state is unlocked.

use std::time::Instant;

use tokio::sync::oneshot;

use super::report::Report;
use crate::call::{Context, Reason};
use crate::server::complete::Completion;
use crate::server::complete::offsets::RecordRef;
use crate::server::execute::job::{Mode, Start};
use crate::server::observe::events::Event;

/// What is to be done once the state is unlocked.
#[derive(Default)]
pub(crate) struct Actions {
    /// Runs on the thread that read it.
    pub(crate) inline: Option<Start>,
    /// The command that was read.
    pub(crate) start: Option<Start>,
    /// Others, which waited.
    pub(crate) starts: Vec<Start>,
    pub(crate) completions: Vec<(RecordRef, Completion)>,
    pub(crate) interrupts: Vec<(Context, Reason)>,
    /// What the new owners of partitions are told.
    pub(crate) reports: Vec<Report>,
    /// Those who waited for the end of all that was handed over.
    pub(crate) handed_over: Vec<oneshot::Sender<()>>,
    pub(crate) events: Vec<Event>,
    pub(crate) wake_by: Option<Instant>,
    /// Whether the member reads on has changed.
    pub(crate) flow: bool,
    pub(crate) look_up: bool,
}

impl Actions {
    /// Whether there is nothing but what the caller's thread has to run.
    pub(crate) const fn is_quiet(&self) -> bool {
        let Self {
            inline: _,
            start,
            starts,
            completions,
            interrupts,
            reports,
            handed_over,
            events,
            wake_by,
            flow,
            look_up,
        } = self;
        start.is_none()
            && starts.is_empty()
            && completions.is_empty()
            && interrupts.is_empty()
            && reports.is_empty()
            && handed_over.is_empty()
            && events.is_empty()
            && wake_by.is_none()
            && !*flow
            && !*look_up
    }

    /// Starts a handler.
    pub(crate) fn start(&mut self, start: Start) {
        // Commands that waited for a look-up come several at a time; at most one of them runs inline.
        match (start.mode, &self.start) {
            (Mode::Inline, _) => self.inline = Some(start),
            (Mode::Task(_), None) => self.start = Some(start),
            (Mode::Task(_), Some(_)) => self.starts.push(start),
        }
    }

    /// Tells the new owner of a partition that a call is settled. Says whether that takes one more
    /// report.
    pub(crate) fn report(&mut self, partition: u32, offset: i64) -> bool {
        let mut reports = self.reports.iter_mut();
        if let Some(report) = reports.find(|report| report.partition == partition) {
            report.settled.push(offset);
            return false;
        }
        self.reports.push(Report {
            partition,
            settled: vec![offset],
            running: Vec::new(),
        });
        true
    }

    /// Makes sure that a tick comes by then, if anybody needs one.
    pub(crate) fn wake_by(&mut self, at: Option<Instant>) {
        self.wake_by = [self.wake_by, at].into_iter().flatten().min();
    }
}
