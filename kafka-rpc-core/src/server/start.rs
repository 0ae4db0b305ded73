//! Starts a server: looks at its topics, opens the producer of its replies, and joins its groups.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tracing::{info, warn};

use super::options::Options;
use super::running::{OwnedRuntime, Running};
use crate::server::admit::judge::{Admission, Hosted};
use crate::server::admit::reply_address::ReplyTopic;
use crate::server::admit::server_clock::ServerClock;
use crate::server::complete::Complete;
use crate::server::complete::outbox::{DeliveryRelay, Outbox};
use crate::server::group::env::{Limits, Shared};
use crate::server::group::flow::Capacity;
use crate::server::group::member::Member;
use crate::server::group::sink::{GroupSinkHandle, ServerTimer};
use crate::server::group::watch::Watch;
use crate::server::observe::stats::Counters;
use crate::service::checks::{self, Used};
use crate::service::topics::{self, Topic};
use crate::transport::{Clock, Duplicates, GroupOptions, Permission, TopicFacts, Transport};
use crate::util::join_all::try_join_all;
use crate::wire::Executor;
use crate::{Code, Outcome, RpcError};

/// How many bytes of arguments may wait, for each group.
const QUEUED_BYTES: usize = 256 << 20;

/// Starts a server with these options, which were checked.
pub(super) async fn start(
    transport: Arc<dyn Transport>,
    options: Options,
) -> Result<Running, RpcError> {
    let (runtime, owned) = runtime()?;
    let topics = Topics::look_up(&*transport, &options).await?;
    let clock = transport.clock();
    let counters = Arc::new(Counters::default());
    let outbox = open_outbox(&*transport, &clock, &counters).await?;
    let timed = Arc::downgrade(&outbox);
    let shared = Arc::new(Shared {
        transport: Arc::clone(&transport),
        clock: Arc::clone(&clock),
        server_clock: ServerClock::start(clock.now(), clock.wall_us()),
        runtime,
        server_id: server_id(&options),
        executor: executor()?,
        limits: Limits {
            ordering: options.ordering,
            concurrency: options.concurrency,
            capacity: Capacity {
                commands: options.queue_limit,
                bytes: QUEUED_BYTES,
            },
            grace: options.grace,
        },
        counters,
        complete: outbox,
        alarm: OnceLock::new(),
    });
    let members = members(&shared, &options, &topics);
    let watch = Arc::new(Watch::new(&shared, &members));
    let timer = ServerTimer {
        complete: timed,
        members: members.iter().map(Arc::downgrade).collect(),
        watch: Arc::clone(&watch),
    };
    // Before a group is joined, since the first command may need it.
    let _ = shared.alarm.set(clock.alarm(Arc::new(timer)));
    // From here on a failure, too, has to leave the groups that were joined.
    let running = Running::new(Arc::clone(&shared), members, watch, owned);
    let joining = running.members().iter().map(|member| {
        let facts = topics.facts.iter();
        let mut facts = facts.filter(|facts| *facts.topic == *member.env.topic);
        let may_report = facts.next().map(|facts| facts.write);
        member.env.note_may_report(may_report.unwrap_or_default());
        if member.env.may_report() == Permission::Denied {
            warn!(
                target: "kafka_rpc::server", topic = &*member.env.topic,
                "the server may not write to its commands topic, where it reports on running calls that \
                 it hands over to another server; grant its user WRITE on that topic",
            );
        }
        Box::pin(join(member, options.instance.clone())) as _
    });
    // At the same time: a broker makes each group wait.
    try_join_all(joining.collect()).await?;
    if let Some(alarm) = shared.alarm.get() {
        alarm.ring_by(clock.now());
    }
    let names = options.services.iter();
    info!(
        target: "kafka_rpc::server",
        server = running.watch().id(), brokers = transport.describe(),
        services = ?names.map(|service| service.descriptor().name).collect::<Vec<_>>(),
        "server started",
    );
    Ok(running)
}

/// The name that replies and errors of the server bear.
fn server_id(options: &Options) -> String {
    options.server_id.clone().unwrap_or_else(|| {
        let name = options.services[0].descriptor().name;
        format!("{name}-{:x}-{:08x}", std::process::id(), fastrand::u32(..))
    })
}

/// What names the server to the next owners of its partitions.
fn executor() -> Result<Executor, RpcError> {
    let mut executor = Executor::default();
    getrandom::fill(&mut executor).map_err(|error| {
        let problem = format!("the system gives no random bytes: {error}");
        RpcError::new(Code::Unavailable, Outcome::NotRun, problem)
    })?;
    Ok(executor)
}

/// What is known of a server's topics.
struct Topics {
    /// The commands topic and the results topic of each service.
    of_services: Vec<(String, String)>,
    reply_topics: HashMap<String, Arc<ReplyTopic>>,
    /// What the brokers tell of the services' topics.
    facts: Vec<TopicFacts>,
}

impl Topics {
    /// Makes sure that the topics exist, and are as calls need them.
    async fn look_up(transport: &dyn Transport, options: &Options) -> Result<Self, RpcError> {
        let prefix = &options.topic_prefix;
        let of_services: Vec<(String, String)> = options
            .services
            .iter()
            .map(|service| {
                let descriptor = service.descriptor();
                let commands = format!("{prefix}{}", descriptor.commands_topic());
                (commands, format!("{prefix}{}", descriptor.results_topic()))
            })
            .collect();
        let allowed = options.reply_topics.iter();
        let needed: Vec<Topic<'_>> = of_services
            .iter()
            .flat_map(|(commands, results)| [Topic::Commands(commands), Topic::Results(results)])
            .chain(allowed.map(|topic| Topic::Results(topic)))
            .collect();
        let counts = topics::ensure(transport, &needed, options.create_topics.as_ref()).await?;
        let used: Vec<Used> = options
            .services
            .iter()
            .zip(&of_services)
            .flat_map(|(service, (commands, results))| {
                checks::of_service(service.descriptor(), commands, results)
            })
            .collect();
        let facts = checks::check(transport, &used).await?;
        let mut reply_topics = HashMap::new();
        for (topic, count) in needed.iter().zip(counts) {
            if let Topic::Results(name) = *topic {
                reply_topics
                    .entry(name.to_owned())
                    .or_insert_with(|| Arc::new(ReplyTopic::new(name, count)));
            }
        }
        Ok(Self {
            of_services,
            reply_topics,
            facts,
        })
    }
}

/// Opens the producer of a server's replies.
async fn open_outbox(
    transport: &dyn Transport,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
) -> Result<Arc<dyn Complete>, RpcError> {
    let outbox = Arc::new(Outbox::new(Arc::clone(clock), Arc::clone(counters)));
    let relay = DeliveryRelay(Arc::downgrade(&outbox));
    let producer = transport
        .producer(Duplicates::Harmless, Arc::new(relay))
        .await
        .map_err(|error| {
            error
                .context("the server can't produce replies")
                .into_rpc(Outcome::NotRun)
        })?;
    outbox.open(producer);
    Ok(outbox)
}

/// The group members of a server. Services with one topic and one group are one member; otherwise
/// the two members would split the topic's partitions between them.
fn members(shared: &Arc<Shared>, options: &Options, topics: &Topics) -> Vec<Arc<Member>> {
    let mut groups: Vec<(String, &str, Vec<Hosted>)> = Vec::new();
    let mut names: Vec<(&'static str, &str)> = Vec::new();
    for (service, (commands, results)) in options.services.iter().zip(&topics.of_services) {
        let results = Arc::clone(&topics.reply_topics[results]);
        let hosted = Hosted::new(Arc::clone(service), results);
        let name = hosted.descriptor.name;
        names.push((name, commands));
        let group = options
            .group
            .clone()
            .unwrap_or_else(|| format!("{}{name}", options.topic_prefix));
        match groups
            .iter_mut()
            .find(|(other, topic, _)| *other == group && *topic == commands)
        {
            Some((_, _, services)) => services.push(hosted),
            None => groups.push((group, commands, vec![hosted])),
        }
    }
    let allowed: Vec<Arc<ReplyTopic>> = options
        .reply_topics
        .iter()
        .map(|topic| Arc::clone(&topics.reply_topics[topic]))
        .collect();
    groups
        .into_iter()
        .map(|(group, topic, services)| {
            let own = |name| services.iter().any(|own| own.descriptor.name == name);
            let elsewhere = names
                .iter()
                .filter(|(name, other)| *other == topic && !own(*name))
                .map(|(name, _)| *name)
                .collect();
            let admission = Admission {
                services,
                elsewhere,
                allowed: allowed.clone(),
                allowance: options.expiry_allowance,
            };
            let shared = Arc::clone(shared);
            Arc::new(Member::new(shared, group, topic, admission))
        })
        .collect()
}

/// Joins a member's group.
async fn join(member: &Arc<Member>, instance: Option<String>) -> Result<(), RpcError> {
    let shared = &member.env.shared;
    let transport = &shared.transport;
    let options = GroupOptions {
        group: member.env.group.clone(),
        topic: member.env.topic.to_string(),
        instance,
    };
    let sink = GroupSinkHandle(Arc::downgrade(member));
    let joined = {
        // The transport's threads run handlers, and are to be within their runtime.
        let _runtime = shared.runtime.enter();
        transport.join(options, Arc::new(sink))
    };
    let membership = joined.await.map_err(|error| {
        error
            .context(format_args!(
                "the server can't join group `{}`",
                member.env.group
            ))
            .into_rpc(Outcome::NotRun)
    })?;
    member.joined(membership);
    Ok(())
}

/// The runtime that handlers run on: the current one, or one of the server's own.
fn runtime() -> Result<(Handle, Option<OwnedRuntime>), RpcError> {
    if let Ok(current) = Handle::try_current() {
        return Ok((current, None));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("kafka-rpc-server")
        .enable_all()
        .build()
        .map_err(|error| {
            RpcError::new(
                Code::Unavailable,
                Outcome::NotRun,
                format!("the server's runtime can't be started: {error}"),
            )
        })?;
    Ok((runtime.handle().clone(), Some(OwnedRuntime::new(runtime))))
}
