//! Waiting for calls without `await`, with a runtime, on one, and without any.

use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// Runs `test` on a thread of its own, and fails if it blocks.
fn ends<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(test()));
    result
        .recv_timeout(Duration::from_secs(20))
        .expect("it neither blocks nor panics")
}

#[test]
fn waiting_on_the_only_thread_of_the_servers_runtime_ends_with_the_deadline() {
    let error = ends(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let echo = in_process(EchoServer::new(Desk::default()));
            echo.echo(1)
                .timeout(Duration::from_millis(30))
                .wait()
                .unwrap_err()
        })
    });
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[test]
fn waiting_on_a_worker_lets_the_server_go_on() {
    let value = ends(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let waiting = async {
            let echo = in_process(EchoServer::new(Desk::default()));
            echo.echo(7).wait().unwrap()
        };
        runtime.block_on(async { tokio::spawn(waiting).await.unwrap() })
    });
    assert_eq!(value, 7);
}

#[test]
fn waiting_for_a_shutdown_on_the_only_thread_of_its_runtime_gives_up() {
    let error = ends(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::builder(&MemoryBroker::new())
                .create_topics(one_partition())
                .grace(Duration::ZERO)
                .service(EchoServer::new(Desk::default()))
                .start()
                .await
                .unwrap();
            server.shutdown().wait().unwrap_err()
        })
    });
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(error.message().contains("await"), "{error}");
}

#[test]
fn everything_can_be_waited_for_without_a_runtime() {
    ends(|| {
        let broker = MemoryBroker::new();
        let server = Server::builder(&broker)
            .create_topics(one_partition())
            .service(EchoServer::new(Desk::default()))
            .start()
            .wait()
            .unwrap();
        let client = Client::connect(&broker).wait().unwrap();
        let echo: EchoClient = client.attach().wait().unwrap();
        assert_eq!(echo.echo(3).with_metadata().wait().unwrap().value, 3);
        echo.note(3).wait().unwrap();
        server.shutdown().wait().unwrap();
    });
}

#[test]
fn a_shutdown_that_nobody_waits_for_drains_in_the_background() {
    ends(|| {
        let broker = MemoryBroker::new();
        let server = Server::builder(&broker)
            .create_topics(one_partition())
            .service(EchoServer::new(Desk::default()))
            .start()
            .wait()
            .unwrap();
        let echo: EchoClient = Client::connect(&broker)
            .wait()
            .unwrap()
            .attach()
            .wait()
            .unwrap();
        echo.echo(0).wait().unwrap();
        let late =
            std::thread::spawn(move || echo.late(7, 300).timeout(Duration::from_secs(5)).wait());
        while server.stats().running == 0 {
            std::thread::yield_now();
        }
        drop(server.shutdown());
        assert_eq!(late.join().unwrap().unwrap(), 7);
    });
}

#[test]
fn in_process_can_be_made_and_dropped_anywhere() {
    ends(|| {
        let echo = in_process(EchoServer::new(Desk::default()));
        assert_eq!(echo.echo(1).wait().unwrap(), 1);
        drop(echo);
        let mut runtimes = [
            tokio::runtime::Builder::new_current_thread(),
            tokio::runtime::Builder::new_multi_thread(),
        ];
        for builder in &mut runtimes {
            let runtime = builder.worker_threads(1).enable_all().build().unwrap();
            let work = async {
                let echo = in_process(EchoServer::new(Desk::default()));
                assert_eq!(echo.echo(2).await.unwrap(), 2);
                // With a call in flight, whose handler has long to go.
                let mut pending = echo.late(1, 60_000);
                assert!(poll_by(&mut pending, &Arc::default()).is_pending());
                drop((echo, pending));
                let metrics = tokio::runtime::Handle::current().metrics();
                while metrics.num_alive_tasks() > 1 {
                    tokio::task::yield_now().await;
                }
            };
            // As a task, so that on both runtimes it is the one that is left.
            runtime.block_on(async { tokio::spawn(work).await.unwrap() });
        }
    });
}
