//! A bad history for each way to break an invariant: what it is, and what is done to the clean one.

use super::sample::*;
use crate::driver::checker::Invariant;
use crate::driver::checker::index::{MS, S};
use crate::driver::event::{Event, Exit, Method, Outcome, Phase, Receipt};

pub(super) type Bad = (Invariant, &'static str, fn(&mut Sample));

pub(super) const BAD: &[Bad] = &[
    (Invariant::Coherent, "an end of nobody's call", |sample| {
        sample.add(S, CLIENT, Event::Cancel { call: 999 });
    }),
    (Invariant::Coherent, "a run of nobody's call", |sample| {
        let (call, run, attempt) = (999, 999, 1);
        sample.add(S, SERVER, Event::Recv { call, run, attempt });
    }),
    (
        Invariant::Coherent,
        "a reply of a run that never began",
        |sample| {
            let (call, run) = (EARLY, 999);
            sample.add(S, SERVER, Event::Reply { call, run });
        },
    ),
    (
        Invariant::Coherent,
        "a client that nobody started",
        |sample| {
            sample.remove(|event| matches!(event, Event::Started { number: VICTIM, .. }));
        },
    ),
    (Invariant::EndsOnce, "a call without an end", |sample| {
        sample.remove(|event| matches!(event, Event::Ok { call: TOLD, .. }));
        sample.rest().acknowledged = 0;
        // As a client that forgets a call would count it.
        sample.rest().started -= 1;
    }),
    (Invariant::EndsOnce, "a call with two ends", |sample| {
        sample.answer(S, EARLY, receipt(EARLY, SERVER));
    }),
    (Invariant::EndsInTime, "a call that ends late", |sample| {
        sample.end_of(EXPIRED).at += 300 * MS;
    }),
    (
        Invariant::NeverEarly,
        "a call that expires early",
        |sample| {
            sample.end_of(EXPIRED).at -= 10 * MS;
        },
    ),
    (Invariant::OwnReply, "the reply to another call", |sample| {
        let foreign = Receipt {
            run: EARLY,
            ..receipt(NEXT, SERVER)
        };
        sample.misdirect(EARLY, foreign);
    }),
    (
        Invariant::OwnReply,
        "a reply with another digest",
        |sample| {
            let altered = Receipt {
                digest: 1,
                ..receipt(EARLY, SERVER)
            };
            sample.misdirect(EARLY, altered);
        },
    ),
    (Invariant::OwnReply, "an answer without a value", |sample| {
        sample.set_method(TOLD, Method::Quick);
    }),
    (
        Invariant::NotRunIsTrue,
        "a call that says it didn't run",
        |sample| {
            sample.run(S + MS, SERVER, REFUSED);
        },
    ),
    (
        Invariant::AnsweredMeansRan,
        "an answer from nowhere",
        |sample| {
            sample.remove_run(EARLY);
        },
    ),
    (
        Invariant::AnsweredMeansRan,
        "an answer by a server that didn't run it",
        |sample| {
            sample.misdirect(EARLY, receipt(EARLY, OTHER_SERVER));
        },
    ),
    (
        Invariant::AnsweredMeansRan,
        "a call that says it ran",
        |sample| {
            sample.remove(|event| matches!(event, Event::Err { call: REFUSED, .. }));
            sample.fail(S + MS, REFUSED, "Internal", Outcome::Ran);
        },
    ),
    (
        Invariant::NoRepeat,
        "a call that runs on two servers",
        |sample| {
            sample.run(S, OTHER_SERVER, EARLY);
        },
    ),
    (
        Invariant::StartsInTime,
        "a call that begins long after its deadline",
        |sample| {
            sample.run(S + 1_400 * MS, SERVER, EXPIRED);
        },
    ),
    (
        Invariant::KeyOrder,
        "a call that overtakes one of its key",
        |sample| {
            let late = NEXT * STEP + 4 * MS;
            sample.remove_run(EARLY);
            sample.run(late, SERVER, EARLY);
            sample.end_of(EARLY).at = late + 3 * MS;
        },
    ),
    (
        Invariant::KeyOverlap,
        "two calls of a key at once",
        |sample| {
            let end = effect(EARLY, Phase::End);
            for entry in &mut sample.0 {
                if entry.event == end {
                    entry.at = NEXT * STEP + 2 * MS;
                }
            }
            sample.end_of(EARLY).at = NEXT * STEP + 3 * MS;
        },
    ),
    (
        Invariant::PatientCallsSucceed,
        "a call of 2 s that fails",
        |sample| {
            sample.expire(EARLY);
        },
    ),
    (
        Invariant::Progress,
        "a call of 2 s that fails after the fault",
        |sample| {
            sample.expire(CALM);
        },
    ),
    (
        Invariant::Progress,
        "no calls after the last fault",
        |sample| {
            sample.fault(12 * S, Phase::End);
        },
    ),
    (
        Invariant::Progress,
        "hardly any call that succeeds",
        |sample| {
            for call in 1_000..1_100 {
                sample.invoke(2 * S, CLIENT, call, None, 2_000);
                sample.fail(2 * S + MS, call, "Unavailable", Outcome::NotRun);
            }
            sample.rest().started += 100;
            sample.rest().failed += 100;
        },
    ),
    (
        Invariant::AtRest,
        "a client that never comes to rest",
        |sample| {
            sample.remove(|event| matches!(event, Event::ClientAtRest(_)));
        },
    ),
    (
        Invariant::AtRest,
        "a server that never comes to rest",
        |sample| {
            sample.remove(|event| matches!(event, Event::ServerAtRest { .. }));
        },
    ),
    (
        Invariant::AtRest,
        "a server that keeps a command",
        |sample| {
            sample.server_rests(14 * S + 1, SERVER, 1, 0);
        },
    ),
    (
        Invariant::AtRest,
        "a server whose handler runs on",
        |sample| {
            sample.server_rests(14 * S + 1, SERVER, 0, 1);
        },
    ),
    (Invariant::AtRest, "a client that keeps a call", |sample| {
        sample.rest().in_flight = 1;
    }),
    (
        Invariant::Accounts,
        "an answer that isn't counted",
        |sample| {
            sample.rest().answered -= 1;
        },
    ),
    (Invariant::Accounts, "a start too many", |sample| {
        sample.rest().started += 1;
    }),
    (
        Invariant::Accounts,
        "a dropped call that isn't counted",
        |sample| {
            sample.rest().cancelled = 0;
        },
    ),
    (Invariant::OrderlyExits, "a process that fails", |sample| {
        let how = "exit code 101".to_owned();
        sample.exit(14 * S + 1, SERVER, Exit::Failed(how));
    }),
    (
        Invariant::OrderlyExits,
        "a process that never ends",
        |sample| {
            sample.remove(|event| {
                matches!(
                    event,
                    Event::Exited {
                        number: OTHER_SERVER,
                        ..
                    }
                )
            });
        },
    ),
];
