//! Many things at once: the same on every run under paused time, and sound on several threads.

use std::collections::BTreeMap;

use crate::transport::memory::tests::*;

/// A busy minute with every kind of event; what everybody was told.
async fn scenario() -> Vec<Vec<String>> {
    let broker = broker("t", 5);
    let told: Vec<_> = (0..4).map(|_| Told::new()).collect();
    let nodes: Vec<_> = (0..4).map(|n| broker.node(&format!("n{n}"))).collect();
    let producer = producer(&nodes[3], &told[3]).await;
    let _listener = listen(&nodes[3], "t", &told[3]).await;
    let mut members = BTreeMap::new();
    for step in 0_u32..60 {
        for partition in 0..5 {
            append(&broker, "t", partition, &step.to_string());
        }
        produce(&producer, "t", "produced", u64::from(step)).unwrap();
        let which = (step * 7 % 3) as usize;
        match step % 10 {
            0 | 3 => {
                let sink = &told[which];
                members.insert(which, join(&nodes[which], "t", sink).await);
            }
            4 => nodes[which].freeze(),
            5 => broker.faults().truncate("t", 1, i64::from(step)).unwrap(),
            6 => drop(members.remove(&which)),
            8 => nodes.iter().for_each(MemoryNode::thaw),
            9 => nodes[which].cut_off(None),
            _ => nodes.iter().for_each(MemoryNode::heal),
        }
        if step == 40 {
            broker.faults().recreate_topic("t").unwrap();
        }
        for (&which, member) in &members {
            let partition = u32::try_from(which).unwrap();
            told[which].done(partition, i64::from(step), Some("note"));
            member.progressed();
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    told.iter().map(|told| told.take()).collect()
}

#[test]
fn two_runs_are_the_same() {
    let run = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(scenario())
    };
    let first = run();
    for told in &first {
        assert!(told.len() > 50, "{}", told.len());
    }
    assert_eq!(first, run());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_lose_nothing_and_keep_the_order() {
    const RECORDS: u32 = 5000;
    let broker = broker("t", 1);
    let node = broker.main_node();
    let (listened, delivered, joined) = (Told::new(), Told::new(), Told::new());
    let _listener = listen(&node, "t", &listened).await;
    let producer = producer(&node, &delivered).await;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let producer = Arc::clone(&producer);
            std::thread::spawn(move || {
                for number in 0..RECORDS / 4 {
                    produce(&producer, "t", "x", u64::from(thread * RECORDS + number)).unwrap();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let member = join(&node, "t", &Told::new()).await;
        let other = join(&node, "t", &Told::new()).await;
        drop(member);
        other.leave(Duration::from_secs(10)).await.unwrap();
    }
    let _member = join(&node, "t", &joined).await;
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    producer.flush(Duration::from_secs(10)).await;
    assert_eq!(lock(&delivered.lines).len(), RECORDS as usize);

    let expected: Vec<_> = (0..RECORDS).map(|n| format!("0@{n} x")).collect();
    let records = |told: &Told| -> Vec<String> {
        let lines = lock(&told.lines);
        lines
            .iter()
            .filter(|line| line.contains('@'))
            .cloned()
            .collect()
    };
    let all_read = async {
        for told in [&listened, &joined] {
            while records(told).len() < RECORDS as usize {
                tokio::task::yield_now().await;
            }
            assert_eq!(records(told), expected);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_read)
        .await
        .unwrap();
}
