//! From attaching to closing, and the limits in between.

use super::*;

#[tokio::test(start_paused = true)]
async fn dropped_clients_leave_their_calls_to_end() {
    let broker = MemoryBroker::new();
    let _server = serve(&broker).await;
    let (client, echo) = client(&broker).await;
    let mut kept = echo.late(5, 50);
    assert!(poll_by(&mut kept, &Arc::default()).is_pending());
    drop((client, echo));
    assert_eq!(kept.await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_calls_of_other_tasks_and_refuses_new_ones() {
    let broker = MemoryBroker::new();
    let (client, echo) = client(&broker).await;
    let pending = tokio::spawn(echo.echo(1));
    tokio::task::yield_now().await;
    assert_eq!(client.stats().in_flight, 1);
    client.close();
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Disconnected);
    assert_eq!(error.outcome(), Outcome::Unknown);
    let refused = echo.echo(2).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.outcome(), Outcome::NotRun);
    let attach = client.attach::<EchoClient>().await.unwrap_err();
    assert_eq!(attach.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn attaching_twice_shares_one_listener() {
    let broker = MemoryBroker::new();
    let (client, _echo) = client(&broker).await;
    let _again: EchoClient = client.attach().await.unwrap();
    broker.append(RESULTS, 0, Default::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(client.stats().foreign_replies, 1);
}

#[tokio::test(start_paused = true)]
async fn a_results_partition_that_is_not_there_is_refused() {
    let broker = MemoryBroker::new();
    let client = Client::builder(&broker)
        .create_topics(one_partition())
        .results_partition(1)
        .connect()
        .await
        .unwrap();
    let error = client.attach::<EchoClient>().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains(RESULTS), "{error}");
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused_until_one_ends() {
    let broker = MemoryBroker::new();
    let client = Client::builder(&broker)
        .create_topics(one_partition())
        .max_in_flight(2)
        .connect()
        .await
        .unwrap();
    let echo: EchoClient = client.attach().await.unwrap();
    let mut held: Vec<_> = (0..2).map(|n| echo.echo(n)).collect();
    for call in &mut held {
        assert!(poll_by(call, &Arc::default()).is_pending());
    }
    let refused = echo.echo(3).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    held.pop();
    let mut admitted = echo.echo(4);
    assert!(poll_by(&mut admitted, &Arc::default()).is_pending());
    let stats = client.stats();
    assert_eq!((stats.started, stats.refused, stats.in_flight), (3, 1, 2));
}
