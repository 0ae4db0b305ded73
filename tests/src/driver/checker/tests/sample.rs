//! A clean history, and what it takes to spoil it.

use std::time::Duration;

use crate::driver::checker::index::{MS, S};
use crate::driver::checker::{Expectation, Report, check};
use crate::driver::event::{
    ClientAtRest, Entry, Event, Exit, Method, Outcome, Phase, Receipt, Role,
};
use crate::driver::history::History;

pub(super) const SERVER: u32 = 1;
pub(super) const CLIENT: u32 = 2;
/// A client that is killed.
pub(super) const VICTIM: u32 = 3;
pub(super) const OTHER_SERVER: u32 = 4;
const EXPECTATION: Expectation = Expectation {
    recovery: Duration::from_secs(4),
    answered_percent: 80,
};
/// The key of every second call.
const KEY: u64 = 7;
/// How far apart calls are made.
pub(super) const STEP: u64 = 200 * MS;
/// A call that is made before the fault, and one with the same key that comes next.
pub(super) const EARLY: u64 = 2;
pub(super) const NEXT: u64 = 4;
/// A call after the last fault's recovery.
pub(super) const CALM: u64 = 41;
/// Calls that end in other ways.
pub(super) const EXPIRED: u64 = 101;
pub(super) const DROPPED: u64 = 102;
pub(super) const TOLD: u64 = 103;
pub(super) const REFUSED: u64 = 104;

#[derive(Clone)]
pub(super) struct Sample(pub(super) Vec<Entry>);

impl Sample {
    /// Sixty calls of 2 s, one each 200 ms; a fault at 3 s; and calls that end in other ways.
    pub(super) fn clean() -> Self {
        let mut sample = Self(Vec::new());
        for number in [SERVER, OTHER_SERVER, CLIENT, VICTIM] {
            let role = match number {
                SERVER | OTHER_SERVER => Role::Server,
                _ => Role::Client,
            };
            sample.add(0, 0, Event::Started { number, role });
        }
        for number in 1..=60 {
            let at = number * STEP;
            let key = number.is_multiple_of(2).then_some(KEY);
            sample.invoke(at, CLIENT, number, key, 2_000);
            sample.run(at + MS, SERVER, number);
            sample.answer(at + 4 * MS, number, receipt(number, SERVER));
        }
        sample.invoke(S, CLIENT, EXPIRED, None, 200);
        sample.fail(S + 201 * MS, EXPIRED, "DeadlineExceeded", Outcome::Unknown);
        sample.invoke(S, CLIENT, DROPPED, None, 2_000);
        sample.set_method(DROPPED, Method::Hang);
        sample.add(S + 100 * MS, CLIENT, Event::Cancel { call: DROPPED });
        sample.invoke(S, CLIENT, TOLD, None, 2_000);
        sample.set_method(TOLD, Method::Tell);
        let (call, receipt) = (TOLD, None);
        sample.add(S + 2 * MS, CLIENT, Event::Ok { call, receipt });
        sample.invoke(S, CLIENT, REFUSED, None, 200);
        sample.fail(S + MS, REFUSED, "Unavailable", Outcome::NotRun);
        // Ended with its client.
        sample.invoke(2 * S, VICTIM, 200, None, 2_000);
        sample.exit(2 * S + MS, VICTIM, Exit::Killed);
        sample.fault(3 * S, Phase::Start);
        sample.fault(3 * S + 500 * MS, Phase::End);
        sample.add(12 * S + 500 * MS, 0, Event::LoadEnds);
        let rest = ClientAtRest {
            started: 64,
            answered: 60,
            acknowledged: 1,
            expired: 1,
            cancelled: 1,
            failed: 1,
            ..ClientAtRest::default()
        };
        sample.add(13 * S, CLIENT, Event::ClientAtRest(rest));
        sample.exit(13 * S, CLIENT, Exit::Asked);
        for server in [SERVER, OTHER_SERVER] {
            sample.server_rests(14 * S, server, 0, 0);
            sample.exit(14 * S, server, Exit::Asked);
        }
        sample
    }

    pub(super) fn add(&mut self, at: u64, process: u32, event: Event) {
        self.0.push(Entry { at, process, event });
    }

    pub(super) fn invoke(
        &mut self,
        at: u64,
        client: u32,
        call: u64,
        key: Option<u64>,
        timeout_ms: u64,
    ) {
        let method = match key {
            Some(_) => Method::Keyed,
            None => Method::Quick,
        };
        let invoke = Event::Invoke {
            call,
            method,
            key,
            digest: call * 3,
            timeout_ms,
        };
        self.add(at, client, invoke);
    }

    /// A run of 2 ms.
    pub(super) fn run(&mut self, at: u64, server: u32, call: u64) {
        let (run, attempt, done) = (call, 1, at + 2 * MS);
        self.add(at, server, Event::Recv { call, run, attempt });
        self.add(at, server, effect(call, Phase::Start));
        self.add(done, server, effect(call, Phase::End));
        self.add(done, server, Event::Reply { call, run });
    }

    pub(super) fn answer(&mut self, at: u64, call: u64, receipt: Receipt) {
        let receipt = Some(receipt);
        self.add(at, CLIENT, Event::Ok { call, receipt });
    }

    pub(super) fn fail(&mut self, at: u64, call: u64, code: &str, outcome: Outcome) {
        let error = Event::Err {
            call,
            code: code.to_owned(),
            outcome,
            from_server: false,
        };
        self.add(at, CLIENT, error);
    }

    pub(super) fn exit(&mut self, at: u64, number: u32, exit: Exit) {
        self.add(at, 0, Event::Exited { number, exit });
    }

    pub(super) fn server_rests(&mut self, at: u64, server: u32, queued: u64, running: u64) {
        self.add(at, server, Event::ServerAtRest { queued, running });
    }

    pub(super) fn fault(&mut self, at: u64, phase: Phase) {
        let name = "pause the broker".to_owned();
        self.add(at, 0, Event::Fault { name, phase });
    }

    pub(super) fn set_method(&mut self, number: u64, to: Method) {
        for entry in &mut self.0 {
            if let Event::Invoke { call, method, .. } = &mut entry.event
                && *call == number
            {
                *method = to;
            }
        }
    }

    pub(super) fn end_of(&mut self, number: u64) -> &mut Entry {
        let is_end = |entry: &&mut Entry| match &entry.event {
            Event::Ok { call, .. } | Event::Err { call, .. } => *call == number,
            _ => false,
        };
        self.0.iter_mut().find(is_end).unwrap()
    }

    /// Gives a call another reply.
    pub(super) fn misdirect(&mut self, call: u64, receipt: Receipt) {
        let receipt = Some(receipt);
        self.end_of(call).event = Event::Ok { call, receipt };
    }

    /// Lets a call expire that was answered.
    pub(super) fn expire(&mut self, number: u64) {
        let at = self.end_of(number).at;
        self.remove(|event| matches!(event, Event::Ok { call, .. } if *call == number));
        self.fail(at + 2 * S, number, "DeadlineExceeded", Outcome::Unknown);
        let rest = self.rest();
        rest.answered -= 1;
        rest.expired += 1;
    }

    pub(super) fn remove(&mut self, is_it: impl Fn(&Event) -> bool) {
        let before = self.0.len();
        self.0.retain(|entry| !is_it(&entry.event));
        assert!(self.0.len() < before, "nothing was removed");
    }

    pub(super) fn remove_run(&mut self, number: u64) {
        self.remove(|event| match event {
            Event::Recv { call, .. } | Event::Effect { call, .. } | Event::Reply { call, .. } => {
                *call == number
            }
            _ => false,
        });
    }

    /// What the client counted.
    pub(super) fn rest(&mut self) -> &mut ClientAtRest {
        let rest = self.0.iter_mut().find_map(|entry| match &mut entry.event {
            Event::ClientAtRest(rest) => Some(rest),
            _ => None,
        });
        rest.unwrap()
    }

    pub(super) fn check(self) -> Report {
        check(&History::new(self.0), EXPECTATION)
    }
}

pub(super) fn receipt(call: u64, server: u32) -> Receipt {
    Receipt {
        call,
        digest: call * 3,
        server,
        run: call,
    }
}

pub(super) fn effect(call: u64, phase: Phase) -> Event {
    let run = call;
    Event::Effect { call, run, phase }
}
