//! Second attempts, and what one-way calls wait for.

use std::time::Duration;

use kafka_rpc::testing::Fate;
use kafka_rpc::{Code, Outcome};
use kafka_rpc_core::transport::TransportErrorKind;
use tokio::time::{Instant, sleep};

use crate::sim::{HOUR_MS, MINUTE, Sim, until};

/// Guarantee: a one-way call of a client whose clock is off runs, since the client first asks for the
/// server's clock.
#[tokio::test(start_paused = true)]
async fn a_one_way_call_runs_however_the_clocks_stand() {
    for off_ms in [0, 30_000, -30_000, HOUR_MS] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", off_ms)).await;
        let (_, deadlines) = sim.client(&sim.node("client", 0)).await;
        for _ in 0..100 {
            let timeout = Duration::from_secs(5);
            let call = deadlines.note(sim.watch.deadline(timeout)).timeout(timeout);
            let began = Instant::now();
            call.await.unwrap();
            assert!(began.elapsed() < Duration::from_millis(50));
        }
        until(|| sim.watch.began() == 100).await;
        sim.check();
        assert_eq!(server.stats().clock_answers, 1, "{off_ms}");
        assert_eq!(server.stats().refused(Code::Unimplemented), 0);
    }
}

/// Guarantee: where nobody answers, a one-way call waits no longer than 250 ms, and further ones don't.
#[tokio::test(start_paused = true)]
async fn a_one_way_call_waits_for_no_server() {
    let sim = Sim::new();
    let (_, deadlines) = sim.client(&sim.node("client", 0)).await;
    for (call, most_ms) in [260, 10, 10].into_iter().enumerate() {
        let began = Instant::now();
        deadlines.note(u64::MAX).partition(0).await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(most_ms), "{call}: {took:?}");
    }
    let _server = sim.serve(&sim.node("server", 0)).await;
    until(|| sim.watch.began() == 3).await;
}

/// Guarantee: a call whose second attempt, too, seems to be of another time ends at once and says so.
#[tokio::test(start_paused = true)]
async fn a_call_is_sent_again_once() {
    let sim = Sim::new();
    let server = sim.serve(&sim.node("server", HOUR_MS)).await;
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let first = deadlines.begin(u64::MAX).partition(0).with_metadata().await;
    assert_eq!(first.unwrap().attempt, 2);
    assert_eq!(client.stats().resent, 1);
    let second = deadlines.begin(u64::MAX).partition(0).with_metadata().await;
    assert_eq!(second.unwrap().attempt, 1);

    // The second attempt of this one, of a client that knows nothing, comes to a server with another
    // clock than the first.
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let faults = sim.broker.faults();
    faults.hold("Deadlines.commands").unwrap();
    let timeout = Duration::from_secs(30);
    let call = tokio::spawn(deadlines.begin(u64::MAX).partition(1).timeout(timeout));
    sleep(Duration::from_millis(10)).await;
    faults.let_through("Deadlines.commands", 1, 1).unwrap();
    until(|| client.stats().resent == 1).await;
    server.shutdown().await.unwrap();
    let _other = sim.serve(&sim.node("other", -HOUR_MS)).await;
    faults.release("Deadlines.commands").unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(
        error.outcome(),
        Outcome::NotRun,
        "the former owner's note says that it never started it"
    );
    assert!(error.message().contains("the server's clock"), "{error}");
    assert_eq!(client.stats().in_flight, 0);
}

/// Guarantee: where an earlier owner may have run the first attempt, nothing says that the call didn't
/// run.
#[tokio::test(start_paused = true)]
async fn a_second_attempt_promises_no_more_than_the_first() {
    let sim = Sim::new();
    let (client, deadlines) = sim.client(&sim.node("client", -HOUR_MS)).await;
    let call = deadlines.begin(u64::MAX).partition(0).timeout(MINUTE);
    let call = tokio::spawn(call);
    sleep(Duration::from_millis(100)).await;
    // A probe comes before the second attempt.
    let lost = Fate::NotPersisted(TransportErrorKind::Unavailable);
    let faults = sim.broker.faults();
    faults.next_produced("Deadlines.commands", lost, 2).unwrap();
    let _server = sim.serve(&sim.node("server", 0)).await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(client.stats().resent, 1);
}

/// Guarantee: a copy of the answer to the first attempt doesn't end the second one.
#[tokio::test(start_paused = true)]
async fn a_copied_answer_ends_no_later_attempt() {
    let sim = Sim::new();
    let _server = sim.serve(&sim.node("server", HOUR_MS)).await;
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let faults = sim.broker.faults();
    faults.hold("Deadlines.commands").unwrap();
    let call = deadlines.begin(u64::MAX).partition(1).timeout(MINUTE);
    let call = tokio::spawn(call.with_metadata());
    sleep(Duration::from_millis(10)).await;
    // The server hears that its answer was lost, and writes it again.
    let copied = Fate::Unacknowledged;
    faults
        .next_produced("Deadlines.results", copied, 1)
        .unwrap();
    faults.let_through("Deadlines.commands", 1, 1).unwrap();
    until(|| client.stats().resent == 1).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        client.stats().in_flight,
        1,
        "the second attempt isn't read yet"
    );
    faults.release("Deadlines.commands").unwrap();
    assert_eq!(call.await.unwrap().unwrap().attempt, 2);
}
