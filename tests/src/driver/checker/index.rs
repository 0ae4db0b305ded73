//! A history, sorted by calls and processes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::driver::event::{ClientAtRest, Event, Exit, Method, Outcome, Phase, Receipt, Role};
use crate::driver::history::History;

/// A millisecond.
pub(super) const MS: u64 = 1_000_000;
/// A second.
pub(super) const S: u64 = 1_000 * MS;
/// The timeout from which on a caller counts as patient.
pub(super) const PATIENT: u64 = 2 * S;

/// A call with everything that is known of it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u64,
    pub(super) client: u32,
    pub(super) method: Method,
    pub(super) key: Option<u64>,
    pub(super) digest: u64,
    pub(super) at: u64,
    pub(super) timeout: u64,
    pub(super) ends: Vec<(u64, End)>,
    pub(super) runs: Vec<Run>,
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With what the handler returned; with nothing, if it is one-way.
    Answered(Option<Receipt>),
    Err {
        code: String,
        outcome: Outcome,
        from_server: bool,
    },
    Cancelled,
}

/// A run of a call's handler.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) server: u32,
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) effect: bool,
    pub(super) done: Option<u64>,
    pub(super) replied: Option<u64>,
    pub(super) dropped: Option<u64>,
}

/// A process.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) role: Option<Role>,
    pub(super) exit: Option<(u64, Exit)>,
    pub(super) client_rest: Option<ClientAtRest>,
    pub(super) server_rest: Option<(u64, u64)>,
    /// From when until when it stood still.
    pub(super) stalls: Vec<(u64, u64)>,
}

/// The whole history.
#[derive(Debug, Default)]
pub(super) struct Index<'h> {
    pub(super) calls: BTreeMap<u64, Call>,
    pub(super) processes: BTreeMap<u32, Process>,
    pub(super) faults: Vec<(u64, &'h str, Phase)>,
    pub(super) load_ends: Option<u64>,
    /// What belongs to nothing.
    pub(super) strays: Vec<String>,
}

impl Call {
    pub(super) const fn deadline(&self) -> u64 {
        self.at + self.timeout
    }

    /// Whether it can succeed, and its caller waits long enough that it should.
    pub(super) fn is_patient(&self) -> bool {
        self.timeout >= PATIENT && self.method != Method::Hang
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.ends.first(), Some((_, End::Answered(_))))
    }

    /// How often its effect began.
    pub(super) fn effects(&self) -> usize {
        self.runs.iter().filter(|run| run.effect).count()
    }
}

impl<'h> Index<'h> {
    pub(super) fn new(history: &'h History) -> Self {
        let mut index = Self::default();
        // Two processes may write in the same nanosecond, so ends aren't looked up before all calls
        // are known.
        let mut runs: HashMap<(u32, u64), (u64, usize)> = HashMap::new();
        for entry in history.entries() {
            if let Event::Invoke {
                call,
                method,
                key,
                digest,
                timeout_ms,
            } = entry.event
            {
                let known = index.calls.insert(
                    call,
                    Call {
                        number: call,
                        client: entry.process,
                        method,
                        key,
                        digest,
                        at: entry.at,
                        timeout: timeout_ms * MS,
                        ends: Vec::new(),
                        runs: Vec::new(),
                    },
                );
                if known.is_some() {
                    index.strays.push(format!("call {call} was invoked twice"));
                }
            }
        }
        for entry in history.entries() {
            index.add(entry.at, entry.process, &entry.event, &mut runs);
        }
        for process in index.processes.values_mut() {
            merge(&mut process.stalls);
        }
        index
    }

    fn add(
        &mut self,
        at: u64,
        process: u32,
        event: &'h Event,
        runs: &mut HashMap<(u32, u64), (u64, usize)>,
    ) {
        match event {
            Event::Invoke { .. } | Event::Log { .. } => {}
            Event::Ok { call, receipt } => self.end(at, *call, End::Answered(*receipt)),
            Event::Failed { call, receipt } => self.end(at, *call, End::Answered(Some(*receipt))),
            Event::Cancel { call } => self.end(at, *call, End::Cancelled),
            Event::Err {
                call,
                code,
                outcome,
                from_server,
            } => self.end(
                at,
                *call,
                End::Err {
                    code: code.clone(),
                    outcome: *outcome,
                    from_server: *from_server,
                },
            ),
            Event::Recv { call, run, .. } => match self.calls.get_mut(call) {
                Some(known) => {
                    runs.insert((process, *run), (*call, known.runs.len()));
                    known.runs.push(Run {
                        server: process,
                        number: *run,
                        at,
                        effect: false,
                        done: None,
                        replied: None,
                        dropped: None,
                    });
                }
                None => self
                    .strays
                    .push(format!("call {call} ran without being invoked")),
            },
            Event::Effect { call, run, phase } => {
                self.run(process, *call, *run, runs, |run| match phase {
                    Phase::Start => run.effect = true,
                    Phase::End => run.done = Some(at),
                });
            }
            Event::Reply { call, run } => {
                self.run(process, *call, *run, runs, |run| run.replied = Some(at));
            }
            Event::Drop { call, run } => {
                self.run(process, *call, *run, runs, |run| run.dropped = Some(at));
            }
            Event::Fault { name, phase } => self.faults.push((at, name, *phase)),
            Event::LoadEnds => self.load_ends = Some(at),
            Event::Started { number, role } => self.process(*number).role = Some(*role),
            Event::Exited { number, exit } => {
                self.process(*number).exit = Some((at, exit.clone()));
            }
            Event::Stall { since } => self.process(process).stalls.push((*since, at)),
            Event::ClientAtRest(rest) => self.process(process).client_rest = Some(*rest),
            Event::ServerAtRest { queued, running } => {
                self.process(process).server_rest = Some((*queued, *running));
            }
        }
    }

    fn end(&mut self, at: u64, call: u64, end: End) {
        match self.calls.get_mut(&call) {
            Some(known) => known.ends.push((at, end)),
            None => self
                .strays
                .push(format!("call {call} ended without being invoked")),
        }
    }

    fn run(
        &mut self,
        process: u32,
        call: u64,
        run: u64,
        runs: &HashMap<(u32, u64), (u64, usize)>,
        change: impl FnOnce(&mut Run),
    ) {
        let known = runs
            .get(&(process, run))
            .filter(|(owner, _)| *owner == call)
            .and_then(|(_, place)| self.calls.get_mut(&call)?.runs.get_mut(*place));
        match known {
            Some(run) => change(run),
            None => self.strays.push(format!(
                "run {run} of call {call} on process {process} never began"
            )),
        }
    }

    fn process(&mut self, number: u32) -> &mut Process {
        self.processes.entry(number).or_default()
    }

    /// When the driver killed a process, if it did.
    pub(super) fn killed_at(&self, process: u32) -> Option<u64> {
        match self.processes.get(&process)?.exit {
            Some((at, Exit::Killed)) => Some(at),
            _ => None,
        }
    }

    /// For how long of a span a process stood still, in stalls that were shorter than `longest`.
    pub(super) fn stood_still(&self, process: u32, span: Range<u64>, longest: u64) -> u64 {
        let stalls = self.processes.get(&process).map(|process| &process.stalls);
        let short = stalls
            .into_iter()
            .flatten()
            .filter(|(since, until)| until - since < longest);
        short
            .map(|(since, until)| {
                let until = (*until).min(span.end);
                until.saturating_sub((*since).max(span.start))
            })
            .sum()
    }

    /// The processes of one role.
    pub(super) fn role(&self, role: Role) -> impl Iterator<Item = (u32, &Process)> {
        self.processes
            .iter()
            .filter(move |(_, process)| process.role == Some(role))
            .map(|(number, process)| (*number, process))
    }
}

/// Joins spans that overlap, for several threads may notice one stall.
fn merge(spans: &mut Vec<(u64, u64)>) {
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let overlaps = next.0 <= kept.1;
        if overlaps {
            kept.1 = kept.1.max(next.1);
        }
        overlaps
    });
}
