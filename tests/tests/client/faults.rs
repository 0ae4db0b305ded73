//! Every call ends once, by its deadline, whatever becomes of the broker and the server.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_mid_call_leaves_the_call_to_its_deadline() {
    let broker = MemoryBroker::new();
    let node = broker.node("server");
    let _server = serve(&node).await;
    let (_client, echo) = client(&broker).await;
    assert_eq!(echo.echo(1).await.unwrap(), 1);
    let start = Instant::now();
    let mut call = echo.late(1, 100).timeout(Duration::from_secs(2));
    tokio::select! {
        _ = &mut call => panic!("it takes longer"),
        () = tokio::time::sleep(Duration::from_millis(50)) => node.crash(),
    }
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

fn ended(stats: ClientStats) -> u64 {
    stats.answered
        + stats.acknowledged
        + stats.expired
        + stats.cancelled
        + stats.disconnected
        + stats.failed
}

/// One round of calls while topics lose, repeat, hold and delay records.
async fn storm(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let broker = MemoryBroker::new();
    let _server = serve(&broker).await;
    let (client, echo) = client(&broker).await;
    let faults = broker.faults();
    let mut calls = Vec::new();
    for n in 0..300_u64 {
        match random.u32(..40) {
            0 => faults.duplicate_next(COMMANDS, 2).unwrap(),
            1 => faults.duplicate_next(RESULTS, 2).unwrap(),
            2 => faults.hold(RESULTS).unwrap(),
            3 => faults.release(RESULTS).unwrap(),
            4..=8 => {
                let kind = kafka_rpc_core::transport::TransportErrorKind::Other;
                let fate = [
                    kafka_rpc::testing::Fate::Lost,
                    kafka_rpc::testing::Fate::Unacknowledged,
                    kafka_rpc::testing::Fate::NotPersisted(kind),
                    kafka_rpc::testing::Fate::Refused(kind),
                ][random.usize(..4)];
                let topic = [COMMANDS, RESULTS][random.usize(..2)];
                faults.next_produced(topic, fate, 1).unwrap();
            }
            9 => {
                let (_, end) = broker.watermarks(RESULTS, 0).unwrap();
                faults.truncate(RESULTS, 0, end).unwrap();
            }
            10 => faults.recreate_topic(RESULTS).unwrap(),
            11 => tokio::time::sleep(Duration::from_millis(random.u64(..20))).await,
            _ => {}
        }
        let timeout = Duration::from_millis(random.u64(1..200));
        let give_up = (random.u32(..8) == 0).then(|| timeout / 2);
        let oneway = random.u32(..10) == 0;
        let ms = random.u64(..50);
        let echo = echo.clone();
        calls.push(tokio::spawn(async move {
            let start = Instant::now();
            let work = async {
                if oneway {
                    return echo.note(n).timeout(timeout).await.map(|()| n);
                }
                echo.late(n, ms).timeout(timeout).await
            };
            let ended = match give_up {
                Some(after) => tokio::time::timeout(after, work).await.ok(),
                None => Some(work.await),
            };
            // Tokio's timers have a grain of a millisecond.
            assert!(start.elapsed() <= timeout + Duration::from_millis(1));
            if let Some(Ok(value)) = ended {
                assert_eq!(value, n, "a reply reached another call");
            }
        }));
        let stats = client.stats();
        assert_eq!(stats.started, ended_and_waiting(stats), "seed {seed}");
    }
    for call in calls {
        call.await.unwrap();
    }
    let stats = client.stats();
    assert_eq!(stats.in_flight, 0, "seed {seed}");
    assert_eq!(stats.started, ended(stats), "seed {seed}: {stats:?}");
    // A one-way call may ask for the server's clock first, which is a call of its own.
    assert!(stats.started >= 300, "seed {seed}: {stats:?}");
    assert!(
        stats.answered > 0 && stats.expired > 0,
        "seed {seed}: {stats:?}"
    );
}

fn ended_and_waiting(stats: ClientStats) -> u64 {
    ended(stats) + stats.in_flight
}

#[tokio::test(start_paused = true)]
async fn in_a_storm_every_call_ends_once_by_its_deadline_and_is_counted_once() {
    for seed in 0..20 {
        storm(seed).await;
    }
}
