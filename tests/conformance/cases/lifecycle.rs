//! Servers come and go, and topics with them.

use std::time::Duration;

use kafka_rpc::{Code, Outcome};

use super::cases;
use crate::probe::{Desk, ProbeClient};
use crate::world::World;

cases! {
    "shutdown lets running handlers finish and answers them": drains;
    "shutdown leaves what hasn't started to the next owner": leaves_unstarted;
    "shutdown stops what outlasts its grace": grace;
    "a restarted server doesn't run again what was answered": no_rerun;
    "two servers share the partitions": shared;
    "a rolling restart of two servers fails no call": rolling;
    "a call waits for a server that isn't there yet": server_later;
    "a dropped server makes room for the next": dropped;
    "a results topic made anew ends the pending calls as Disconnected": recreated, lacks "DeleteTopics";
    "added commands partitions are used within seconds": grows, lacks "CreatePartitions";
    "added results partitions are answered on": results_grow, lacks "CreatePartitions";
}

async fn drains(world: World) {
    let (server, probe, desk) = world.pair().await;
    let call = tokio::spawn(probe.sleep(700));
    world.until("it runs", || desk.saw("sleep 700 began")).await;
    server.shutdown().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 700);
}

async fn leaves_unstarted(world: World) {
    let desk = Desk::default();
    let builder = world.server_builder().concurrency(1);
    let server = world.start(builder, &desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let running = tokio::spawn(probe.hold("running".to_owned()).partition(0));
    world
        .until("the first runs", || desk.saw("hold running began"))
        .await;
    let queued = tokio::spawn(probe.echo("queued".to_owned()).partition(0));
    world
        .until("the second waits", || server.stats().queued == 1)
        .await;
    // Nothing that waits is started any more, although a place gets free.
    let (opened, down) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            desk.open();
            running.await.unwrap()
        },
        server.shutdown()
    );
    assert_eq!(opened.unwrap(), "running");
    down.unwrap();
    assert!(!desk.saw("echo queued"));

    let next = Desk::default();
    let _next_server = world.serve(&next).await;
    assert_eq!(queued.await.unwrap().unwrap(), "queued");
    assert!(next.saw("echo queued"));
    assert!(!next.saw("hold running began"));
}

async fn grace(world: World) {
    let desk = Desk::default();
    let builder = world.server_builder().grace(Duration::from_millis(300));
    let server = world.start(builder, &desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let call = tokio::spawn(probe.hold("forever".to_owned()));
    world
        .until("it runs", || desk.saw("hold forever began"))
        .await;
    let start = world.now();
    let error = server.shutdown().await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    assert!(world.now() - start < Duration::from_secs(10));
    assert!(desk.saw("hold forever was stopped"));
    call.abort();
}

async fn no_rerun(world: World) {
    let (server, probe, _) = world.pair().await;
    for n in 0..20 {
        probe.echo(n.to_string()).partition(n % 3).await.unwrap();
    }
    server.shutdown().await.unwrap();
    let next = Desk::default();
    let _next_server = world.serve(&next).await;
    world.warm_up(&probe).await;
    probe.unit().await.unwrap();
    assert_eq!(next.journal(), ["unit"]);
}

async fn shared(world: World) {
    let (first, second) = (Desk::default(), Desk::default());
    let _first_server = world.serve(&first).await;
    let _second_server = world.serve(&second).await;
    let probe: ProbeClient = world.attach().await;
    world
        .until("both serve", || {
            for partition in 0..3 {
                tokio::spawn(probe.echo("who".to_owned()).partition(partition));
            }
            first.saw("echo who") && second.saw("echo who")
        })
        .await;
    for n in 0..30 {
        let text = format!("call {n}");
        assert_eq!(
            probe.echo(text.clone()).partition(n % 3).await.unwrap(),
            text
        );
        assert_eq!(
            first.count(&format!("echo {text}")) + second.count(&format!("echo {text}")),
            1
        );
    }
}

async fn rolling(world: World) {
    let desk = Desk::default();
    let mut servers = vec![world.serve(&desk).await, world.serve(&desk).await];
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (probe, stopped) = (probe.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut n = 0;
                while !*stopped.borrow() {
                    let text = format!("{caller}/{n}");
                    assert_eq!(probe.echo(text.clone()).await.unwrap(), text);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    n += 1;
                }
                n
            })
        })
        .collect();
    for _ in 0..2 {
        servers.remove(0).shutdown().await.unwrap();
        let served = desk.journal().len();
        servers.push(world.serve(&desk).await);
        world
            .until("calls go on", || desk.journal().len() > served + 20)
            .await;
    }
    stop.send_replace(true);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

async fn server_later(world: World) {
    let probe: ProbeClient = world.attach().await;
    let call = tokio::spawn(probe.echo("early".to_owned()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let _server = world.serve(&Desk::default()).await;
    assert_eq!(call.await.unwrap().unwrap(), "early");
}

async fn dropped(world: World) {
    let (server, probe, _) = world.pair().await;
    drop(server);
    let desk = Desk::default();
    let _next = world.serve(&desk).await;
    for partition in 0..3 {
        probe.unit().partition(partition).await.unwrap();
    }
}

async fn recreated(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    // Some records, so that the new topic ends below where the listener is.
    for _ in 0..5 {
        world.produce("Probe.results", 0, None, b"x").await;
    }
    world
        .until("they are read", || client.stats().foreign_replies == 5)
        .await;
    let call = tokio::spawn(probe.unit().timeout(Duration::from_secs(60)));
    world
        .until("it is in flight", || client.stats().in_flight == 1)
        .await;
    world.recreate("Probe.results").await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Disconnected, "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(error.message().contains("Probe.results"));
    assert!(client.stats().gaps >= 1);
    // The listener is on the new topic.
    let _server = world.serve(&Desk::default()).await;
    probe.unit().await.unwrap();
}

async fn grows(world: World) {
    let (_server, probe, _) = world.pair().await;
    world.grow("Probe.commands", 6).await;
    // The client learns of them within 5 s, and the group some seconds after it did.
    let start = world.now();
    for partition in 3..6 {
        loop {
            let call = probe.echo("new".to_owned()).partition(partition);
            match call.timeout(Duration::from_secs(20)).await {
                Ok(answer) => break assert_eq!(answer, "new"),
                Err(error) => assert_eq!(error.code(), Code::InvalidArgument, "{error}"),
            }
            assert!(world.now() - start < Duration::from_secs(10), "unknown");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // All clients send a key to one partition.
    let newer: ProbeClient = world.attach().await;
    for key in 0..20_u32 {
        for probe in [&probe, &newer] {
            assert_eq!(
                probe.append(format!("account {key}"), key).await.unwrap(),
                key
            );
        }
    }
}

async fn results_grow(world: World) {
    let (_server, _, _) = world.pair().await;
    world.grow("Probe.results", 3).await;
    for partition in 0..3 {
        let client = world.client_builder().results_partition(partition);
        let probe: ProbeClient = client.connect().await.unwrap().attach().await.unwrap();
        assert_eq!(probe.subtract(5, 3).await.unwrap(), 2);
    }
}
