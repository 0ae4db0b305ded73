use crate::server::group::sink::GroupSinkHandle;
use crate::server::tests::*;
use crate::transport::{Assigned, GroupSink, Headers, Incoming, Release};

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
    let offset = rig.send(&waiting);
    until(|| server.stats().queued == 1).await;

    let sink = GroupSinkHandle(Arc::downgrade(&server.0.members()[0]));
    let (released, release) = tokio::sync::oneshot::channel::<()>();
    sink.revoked(&[0], Release::new(move || drop(released)));
    rig.gate.add_permits(1);
    release.await.unwrap_err();
    assert_eq!(
        rig.reply(running.call_id).await,
        Body::Value(b"\x01".into())
    );
    assert_eq!(rig.committed(0), Some(offset));

    // No other member of the group ran it.
    sink.assigned(&[Assigned {
        partition: 0,
        end: Some(rig.end(0)),
    }]);
    let mut value = Vec::new();
    waiting.encode(&mut value);
    let record = Incoming {
        partition: 0,
        offset,
        timestamp_ms: rig.clock.wall_ms(),
        key: None,
        value: Some(&value),
        headers: &NoHeaders,
    };
    if let Some(work) = sink.record(record) {
        work.run(true);
    }
    assert_eq!(
        rig.reply(waiting.call_id).await,
        Body::Value(b"\x02".into())
    );
    assert_eq!(rig.diary.started(), [b"\x01", b"\x02"]);
    assert_eq!(server.stats().duplicates, 0);
}
