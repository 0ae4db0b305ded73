use crate::server::group::sink::GroupSinkHandle;
use crate::server::tests::*;
use crate::transport::{Assigned, Committed, GroupSink, Headers, Incoming};

/// The headers of a record without any.
struct NoHeaders;

impl Headers for NoHeaders {
    fn each(&self, _: &mut dyn FnMut(&str, &[u8])) {}
}

#[tokio::test(start_paused = true)]
async fn a_command_that_waited_when_its_partition_was_taken_away_runs_when_it_comes_back() {
    let rig = Rig::new();
    let server = rig.start_with(|builder| builder.concurrency(1)).await;
    let mut running = rig.command("hold", b"\x01");
    running.budget_ms = 60_000;
    rig.send(&running);
    let mut waiting = rig.command("echo", b"\x02");
    waiting.budget_ms = 60_000;
    rig.send(&waiting);
    until(|| server.stats().queued == 1).await;

    let sink = GroupSinkHandle(Arc::downgrade(&server.0.members()[0]));
    let last = sink.revoked(&[0]).remove(0);
    assert_eq!(server.stats().queued, 0);

    // No other member of the group ran anything, and what ran goes on.
    sink.assigned(&[Assigned {
        partition: 0,
        end: Some(rig.end(0)),
        committed: Some(Committed {
            next: last.next,
            note: last.note,
        }),
    }]);
    let records = rig.broker.records(COMMANDS, 0).unwrap();
    for (offset, record) in (0..).zip(&records).skip_while(|(at, _)| *at < last.next) {
        let record = Incoming {
            partition: 0,
            offset,
            timestamp_ms: record.timestamp_ms,
            key: None,
            value: record.value.as_deref(),
            headers: &NoHeaders,
        };
        if let Some(work) = sink.record(record) {
            work.run(true);
        }
    }
    assert_eq!((server.stats().queued, server.stats().running), (1, 1));
    rig.gate.add_permits(1);
    for (command, value) in [(&running, b"\x01"), (&waiting, b"\x02")] {
        assert_eq!(rig.reply(command.call_id).await, Body::Value(value.into()));
    }
    assert_eq!(rig.diary.started(), [b"\x01", b"\x02"]);
    assert_eq!(server.stats().duplicates, 0);
    rig.all_committed().await;
}
