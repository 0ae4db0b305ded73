//! A group member's task, and the handle to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::transport::memory::groups::Place;
use crate::transport::memory::listener::give_way;
use crate::transport::memory::member::{Event, Member, Phase};
use crate::transport::memory::node::Node;
use crate::transport::memory::record::Batch;
use crate::transport::memory::state::{Shared, State};
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Membership, Progress, Standing, TransportError,
    TransportErrorKind,
};

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

enum Step {
    Stop,
    /// The sink is to be asked what is to be committed.
    Commit,
    /// Nothing to do before this time, or before it is woken.
    Wait(Option<Instant>),
    Event(Event),
    Trouble(TransportError),
    /// The batch has records of this partition.
    Records(u32),
}

impl Shared {
    fn step(&self, place: Place, progressed: &AtomicBool, batch: &mut Batch) -> Step {
        let state = &mut *self.lock();
        let Some(member) = state.member(place) else {
            return Step::Stop;
        };
        if member.node.crashed() || member.phase == Phase::Absent {
            return Step::Stop;
        }
        if member.node.frozen() {
            return Step::Wait(None);
        }
        if let Some(event) = member.next_event() {
            return Step::Event(event);
        }
        let mut until = None;
        if progressed.load(Ordering::Acquire) {
            let now = self.executor.now();
            match member.asked.map(|asked| asked + COMMIT_INTERVAL) {
                Some(next) if next > now => until = Some(next),
                _ => {
                    member.asked = Some(now);
                    return Step::Commit;
                }
            }
        }
        read(state, place, until, batch)
    }

    /// Says what wasn't committed.
    fn commit(&self, place: Place, progress: Vec<Progress>) -> Vec<u32> {
        let state = &mut *self.lock();
        let (group, _) = state.group(place.group);
        let refused = progress.into_iter().filter_map(|one| {
            let partition = one.partition;
            (!group.commit(place.member, one)).then_some(partition)
        });
        refused.collect()
    }

    /// The sink has given these partitions up.
    fn release(self: &Arc<Self>, place: Place, number: u64) {
        let state = &mut *self.lock();
        let (group, topic) = state.group(place.group);
        if group.release(place.member, number, topic) {
            self.watch_session(state, place);
        }
    }
}

/// Reads a batch of the partition whose turn it is.
fn read(state: &mut State, place: Place, until: Option<Instant>, batch: &mut Batch) -> Step {
    let (member, readable) = match state.member_and_topic(place) {
        Some(found) => found,
        None => return Step::Stop,
    };
    let topic = match readable {
        Ok(topic) => topic,
        Err(error) if member.troubled == Some(error.kind) => return Step::Wait(until),
        Err(error) => {
            member.troubled = Some(error.kind);
            return Step::Trouble(error);
        }
    };
    member.troubled = None;
    if member.paused {
        return Step::Wait(until);
    }
    let (before, after) = (0..member.turn, member.turn..);
    let order = member
        .positions
        .range(after)
        .chain(member.positions.range(before));
    for (&partition, &next) in order {
        let Some(log) = topic.partition(partition) else {
            continue;
        };
        // What retention took is skipped, as with a reset to the earliest offset.
        log.read(next.max(log.low()), batch);
        if let Some(next) = batch.next() {
            member.turn = partition + 1;
            member.positions.insert(partition, next);
            return Step::Records(partition);
        }
    }
    Step::Wait(until)
}

async fn run(
    shared: Arc<Shared>,
    place: Place,
    wake: Arc<Notify>,
    sink: Arc<dyn GroupSink>,
    progressed: Arc<AtomicBool>,
    _ended: watch::Sender<()>,
) {
    let mut batch = Batch::default();
    loop {
        let step = shared.step(place, &progressed, &mut batch);
        match step {
            Step::Stop => return,
            Step::Commit => {
                progressed.store(false, Ordering::Release);
                shared.commit(place, sink.progress());
            }
            Step::Wait(until) => shared.executor.until(until, wake.notified()).await,
            Step::Event(event) => tell(&shared, place, &*sink, event),
            Step::Trouble(error) => sink.trouble(error),
            Step::Records(partition) => {
                for record in batch.records(partition) {
                    match sink.record(record) {
                        None => {}
                        // Others wait for this thread anyway, whatever the work is done by.
                        Some(work) if shared.executor.has_one_thread() => work.run(false),
                        Some(work) => drop(shared.executor.spawn(async { work.run(false) })),
                    }
                }
                sink.flush();
                give_way(batch.is_full()).await;
            }
        }
    }
}

fn tell(shared: &Arc<Shared>, place: Place, sink: &dyn GroupSink, event: Event) {
    match event {
        Event::Assigned(partitions) => sink.assigned(&partitions),
        Event::Revoked(number, partitions) => {
            let refused = shared.commit(place, sink.revoked(&partitions));
            if !refused.is_empty() {
                sink.not_handed_over(&refused);
            }
            shared.release(place, number);
        }
        Event::Lost(partitions) => sink.lost(&partitions),
        Event::Trouble(error) => sink.trouble(error),
    }
}

pub(super) struct MemoryMembership {
    shared: Arc<Shared>,
    place: Place,
    /// There is something to be committed.
    progressed: Arc<AtomicBool>,
    wake: Arc<Notify>,
    /// Closed when the member's task has ended.
    ended: watch::Receiver<()>,
}

impl MemoryMembership {
    pub(super) fn start(
        shared: &Arc<Shared>,
        node: &Arc<Node>,
        options: GroupOptions,
        sink: Arc<dyn GroupSink>,
    ) -> Result<Arc<Self>, TransportError> {
        let wake = Arc::<Notify>::default();
        let place = {
            let state = &mut *shared.lock();
            state.link(node).tasks.add(&wake);
            let member = Member::new(node, &wake, options.instance);
            state.join(&options.group, &options.topic, member)?
        };
        let (sender, ended) = watch::channel(());
        let progressed = Arc::<AtomicBool>::default();
        let task = run(
            Arc::clone(shared),
            place,
            Arc::clone(&wake),
            sink,
            Arc::clone(&progressed),
            sender,
        );
        drop(shared.executor.spawn(task));
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            place,
            progressed,
            wake,
            ended,
        }))
    }

    fn with_member(&self, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.shared.lock().member(self.place) {
            change(member);
            member.wake.notify_one();
        }
    }
}

impl Membership for MemoryMembership {
    fn progressed(&self) {
        if !self.progressed.load(Ordering::Acquire) {
            self.progressed.store(true, Ordering::Release);
            self.wake.notify_one();
        }
    }

    fn pause(&self) {
        self.with_member(|member| member.paused = true);
    }

    fn resume(&self) {
        self.with_member(|member| member.paused = false);
    }

    fn standing(&self) -> Standing {
        self.shared.lock().standing(self.place)
    }

    fn leave(&self, timeout: Duration) -> BoxFuture<Result<(), TransportError>> {
        let shared = Arc::clone(&self.shared);
        let place = self.place;
        let mut ended = self.ended.clone();
        Box::pin(async move {
            shared.lock().leave(place);
            let end = async { while ended.changed().await.is_ok() {} };
            if shared.executor.timeout(timeout, end).await.is_ok() {
                return Ok(());
            }
            shared.lock().expel(place);
            Err(TransportError::new(
                TransportErrorKind::Unavailable,
                "the in-memory broker can't be reached",
            ))
        })
    }
}

impl Drop for MemoryMembership {
    fn drop(&mut self) {
        self.shared.lock().leave(self.place);
    }
}
