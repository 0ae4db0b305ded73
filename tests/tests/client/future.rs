//! A call is a future like any other.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_is_a_future_like_any_other() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let (a, b) = tokio::join!(echo.echo(1), echo.late(2, 50));
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));

    // Polled by reference, a call loses nothing to the branch that wins.
    let mut slow = echo.late(3, 100);
    tokio::select! {
        _ = &mut slow => panic!("it takes longer"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert_eq!(slow.await.unwrap(), 3);

    // Many polled by one task, each answered in its own time.
    let mut calls: Vec<_> = (0..10).map(|n| (n, echo.late(n, 100 - 10 * n))).collect();
    let mut order = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|(n, call)| match pin!(call).poll(context) {
            Poll::Ready(value) => {
                assert_eq!(value.unwrap(), *n);
                order.push(*n);
                false
            }
            Poll::Pending => true,
        });
        if calls.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    assert_eq!(order, (0..10).rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_task_that_polled_last_is_woken() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let mut call = echo.late(1, 50);
    let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
    assert!(poll_by(&mut call, &first).is_pending());
    assert!(poll_by(&mut call, &second).is_pending());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!((first.count(), second.count()), (0, 1));
    let Poll::Ready(value) = poll_by(&mut call, &first) else {
        panic!("it was answered");
    };
    assert_eq!(value.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn settings_after_the_first_poll_change_nothing() {
    let broker = MemoryBroker::new();
    let (_client, echo) = client(&broker).await;
    let start = Instant::now();
    let mut call = echo.echo(1).timeout(Duration::from_millis(100));
    assert!(poll_by(&mut call, &Arc::default()).is_pending());
    let error = call
        .timeout(Duration::from_secs(3600))
        .partition(99)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_call_within_a_handler_ends_with_the_handlers_deadline() {
    let broker = MemoryBroker::new();
    let inner_broker = MemoryBroker::new();
    let (inner_client, inner) = client(&inner_broker).await;
    let _server = Server::builder(&broker)
        .create_topics(one_partition())
        .service(EchoServer::new(Desk { inner: Some(inner) }))
        .start()
        .await
        .unwrap();
    let (_client, echo) = client(&broker).await;
    let start = Instant::now();
    let error = echo
        .nested()
        .timeout(Duration::from_millis(700))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_millis(700));
    let commands = inner_broker.records(COMMANDS, 0).unwrap();
    let value = commands[0].value.as_deref().unwrap();
    let Ok(wire::Envelope::Command(command)) = wire::decode(value) else {
        panic!("it is the inner call's command");
    };
    assert_eq!(command.budget_ms, 700);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(inner_client.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_header_name_that_would_arrive_cut_short_is_refused() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let error = echo.echo(1).header("a\0b", "v").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert_eq!(echo.echo(1).header("", "v").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn injected_errors_come_in_order_and_to_their_method_only() {
    let echo = in_process(EchoServer::new(Desk::default()));
    for code in [Code::Unavailable, Code::Disconnected] {
        fail_next(&echo, "echo", RpcError::new(code, Outcome::Unknown, "made"));
    }
    assert_eq!(echo.late(1, 0).await.unwrap(), 1);
    let clone = echo.clone();
    assert_eq!(clone.echo(1).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(echo.echo(1).await.unwrap_err().code(), Code::Disconnected);
    assert_eq!(echo.echo(1).await.unwrap(), 1);
}

#[tokio::test]
#[should_panic(expected = "service Echo has no method `ecko`")]
async fn an_injected_error_for_no_method_panics() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let error = RpcError::new(Code::Internal, Outcome::Ran, "made");
    fail_next(&echo, "ecko", error);
}
