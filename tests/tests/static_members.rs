//! Static members of one group whose topics differ, on real Kafka: a member serves its own topic and
//! touches no other.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::broker::{self, Shared};
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(30);

/// A service of the same process and group as another one.
#[kafka_rpc::service]
trait Other {
    async fn count(&self) -> u32;
}

#[derive(Default)]
struct Counter(AtomicU32);

impl Other for Arc<Counter> {
    async fn count(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

async fn client(shared: &Shared, prefix: &str) -> Client {
    Client::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(prefix)
        .create_topics(load::topics(3))
        .connect()
        .await
        .unwrap()
}

/// A server of `Other` on the topics with this prefix, always of one group and of one name.
async fn serve(shared: &Shared, prefix: &str, group: &str, counter: &Arc<Counter>) -> Server {
    Server::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(prefix)
        .create_topics(load::topics(3))
        .group(group)
        .instance("pod-0")
        .service(OtherServer::new(Arc::clone(counter)))
        .start()
        .await
        .unwrap()
}

/// What the group has committed for the partitions of a topic.
fn committed(shared: &Shared, group: &str, topic: &str) -> Vec<Offset> {
    let asking: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", shared.bootstrap())
        .set("group.id", group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, 2);
    let list = asking.committed_offsets(list, PATIENCE).unwrap();
    list.elements().iter().map(|one| one.offset()).collect()
}

/// Guarantee: a server may have several services in one group, with one name.
#[tokio::test(flavor = "multi_thread")]
async fn two_services_of_a_static_member_are_both_served() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let server = Server::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(&prefix)
        .create_topics(load::topics(3))
        .group(topics.name("group"))
        .instance("pod-0")
        .service(LoadServer::new(Local))
        .service(OtherServer::new(Arc::<Counter>::default()))
        .start()
        .await
        .unwrap();
    let client = client(&shared, &prefix).await;
    let load: LoadClient = client.attach().await.unwrap();
    let other: OtherClient = client.attach().await.unwrap();
    // Until both members have their partitions.
    load.who().timeout(PATIENCE).await.unwrap();
    other.count().timeout(PATIENCE).await.unwrap();
    for partition in 0..3 {
        let echo = load.echo(vec![7]).partition(partition);
        assert_eq!(echo.timeout(PATIENCE).await.unwrap(), [7]);
        other
            .count()
            .partition(partition)
            .timeout(PATIENCE)
            .await
            .unwrap();
    }
    assert_eq!(server.stats().foreign, 0);
    server.shutdown().await.unwrap();
}

/// Guarantee: a static member that comes back with another topic, as the next version of a service
/// does, serves that topic from its first command on, and runs and commits nothing of the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_that_comes_back_with_another_topic_serves_that_one() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let (old, new) = (topics.name("old."), topics.name("new."));
    let group = topics.name("group");
    let (before, after) = (Arc::<Counter>::default(), Arc::<Counter>::default());

    let server = serve(&shared, &old, &group, &before).await;
    let old_client: OtherClient = client(&shared, &old).await.attach().await.unwrap();
    for call in 0..30 {
        let count = old_client.count().partition(call % 3).timeout(PATIENCE);
        assert_eq!(count.await.unwrap(), call + 1);
    }
    server.shutdown().await.unwrap();
    let of_old = committed(&shared, &group, &format!("{old}Other.commands"));
    assert_eq!(of_old, [Offset::Offset(10); 3]);

    // Within the session of the one that has gone.
    let back = Instant::now();
    let server = serve(&shared, &new, &group, &after).await;
    let new_client: OtherClient = client(&shared, &new).await.attach().await.unwrap();
    let lost = Duration::from_secs(2);
    for partition in 0..3 {
        let late = old_client.count().partition(partition).timeout(lost);
        late.await.unwrap_err();
    }
    for call in 0..6 {
        let count = new_client.count().partition(call % 3).timeout(PATIENCE);
        assert_eq!(count.await.unwrap(), call + 1);
    }
    println!("served after {:?}", back.elapsed());
    server.shutdown().await.unwrap();
    assert_eq!(before.0.load(Ordering::SeqCst), 30);
    assert_eq!(after.0.load(Ordering::SeqCst), 6);
    let topic = |prefix: &str| committed(&shared, &group, &format!("{prefix}Other.commands"));
    assert_eq!(topic(&old), of_old);
    assert_eq!(topic(&new), [Offset::Offset(2); 3]);
}

/// Guarantee: a member to which its group assigns another topic's partitions leaves them alone, and
/// gets its own. Its name on the group is taken here by a member that reads another topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_given_another_topic_leaves_it_alone_and_gets_its_own() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let (old, new) = (topics.create("old", 3), topics.name("new."));
    let group = topics.name("group");
    let commands = format!("{new}Other.commands");
    let bootstrap = shared.bootstrap().to_owned();
    let namesake = {
        let (group, old, topic) = (group.clone(), old.clone(), commands.clone());
        move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", &bootstrap)
                .set("group.id", &group)
                .set(
                    "group.instance.id",
                    format!("pod-0.{topic}.{}", topic.len()),
                )
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", "20000")
                .create()
                .unwrap();
            consumer.subscribe(&[&old]).unwrap();
            let until = Instant::now() + PATIENCE;
            while consumer.assignment().unwrap().count() < 3 {
                assert!(Instant::now() < until, "it never got its partitions");
                drop(consumer.poll(Duration::from_millis(50)));
            }
        }
    };
    tokio::task::spawn_blocking(namesake).await.unwrap();

    let counter = Arc::<Counter>::default();
    let server = serve(&shared, &new, &group, &counter).await;
    let other: OtherClient = client(&shared, &new).await.attach().await.unwrap();
    let start = Instant::now();
    for call in 0..6 {
        // Less than the session, after which the group would forget the other member by itself.
        let timeout = Duration::from_secs(10);
        let count = other.count().partition(call % 3).timeout(timeout);
        assert_eq!(count.await.unwrap(), call + 1);
    }
    println!("served after {:?}", start.elapsed());
    server.shutdown().await.unwrap();
    assert_eq!(committed(&shared, &group, &old), [Offset::Invalid; 3]);
    assert_eq!(
        committed(&shared, &group, &commands),
        [Offset::Offset(2); 3]
    );
}
