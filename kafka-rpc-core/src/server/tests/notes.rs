//! What is written beside a committed offset, by whatever program.

use crate::server::tests::hand_over::seconds;
use crate::server::tests::*;
use crate::transport::{
    Assigned, GroupOptions, GroupSink, Incoming, Progress, TransportError, Work,
};
use crate::wire::{Note, Runs};

/// Commits something by hand in its last moment, for partition 0.
struct Scribe(Progress);

impl GroupSink for Scribe {
    fn assigned(&self, _: &[Assigned]) {}

    fn revoked(&self, _: &[u32]) -> Vec<Progress> {
        vec![self.0.clone()]
    }

    fn not_handed_over(&self, _: &[u32]) {
        panic!("the commit is refused");
    }

    fn lost(&self, _: &[u32]) {}

    fn progress(&self) -> Vec<Progress> {
        Vec::new()
    }

    fn record(&self, _: Incoming<'_>) -> Option<Box<dyn Work>> {
        None
    }

    fn flush(&self) {}

    fn trouble(&self, _: TransportError) {}
}

#[tokio::test(start_paused = true)]
async fn a_note_of_another_program_harms_nothing() {
    let sound = |unsettled: Vec<i64>, running| Note {
        executor: *b"somebody",
        next: 4,
        fresh: None,
        unsettled,
        running,
    };
    let foreign = sound(vec![1, 3], Vec::new()).encode(1);
    let far = |unsettled| Note {
        next: 1 << 60,
        fresh: Some(1 << 61),
        ..sound(unsettled, Vec::new())
    };
    let endless = sound(vec![1], vec![(1, Runs::On(*b"nobody's"))]).encode(1);
    for (note, runs) in [
        (None, 3),
        (Some(String::new()), 3),
        (Some("offset 7, by another program".to_owned()), 3),
        (Some("\u{1f980}".repeat(1_000)), 3),
        (Some("kr1:".to_owned()), 3),
        (Some("kr1:\u{1f980}".to_owned()), 3),
        (Some(format!("kr1:{}", "A".repeat(4_000))), 3),
        (Some(format!("kr1:{}", "/".repeat(4_092))), 3),
        // Nobody has read what isn't in the log.
        (far(Vec::new()).encode(1), 3),
        (far(vec![1]).encode(1), 3),
        // These are notes of a server, and believed.
        (foreign, 2),
        (endless, 1),
    ] {
        let rig = Rig::new();
        for arguments in [b"\x00", b"\x01", b"\x02", b"\x03"] {
            let command = Command {
                budget_ms: 60_000,
                ..rig.command("echo", arguments)
            };
            rig.send(&command);
        }
        let options = GroupOptions {
            group: "Desk".to_owned(),
            topic: COMMANDS.to_owned(),
            instance: None,
        };
        let scribe = Scribe(Progress {
            partition: 0,
            next: 1,
            note: note.clone(),
        });
        let transport = rig.broker.open().unwrap();
        let member = transport.join(options, Arc::new(scribe)).await.unwrap();
        member.leave(seconds(1)).await.unwrap();
        assert_eq!(rig.committed(0), Some(1));

        let server = rig.builder().start().await.unwrap();
        tokio::time::sleep(seconds(10)).await;
        let started = rig.diary.started();
        assert_eq!(started.len(), runs, "{note:?}: {started:?}");
        let last = rig.command("echo", b"last");
        rig.send(&last);
        assert_eq!(rig.reply(last.call_id).await, Body::Value(b"last".into()));
        rig.all_committed().await;
        server.shutdown().await.unwrap();
    }
}
