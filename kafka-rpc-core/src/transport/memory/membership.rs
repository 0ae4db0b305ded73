//! A group member's task, and the handle to it.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::transport::memory::groups::Place;
use crate::transport::memory::listener::give_way;
use crate::transport::memory::member::{Event, Member, Phase};
use crate::transport::memory::node::Node;
use crate::transport::memory::record::Batch;
use crate::transport::memory::state::{Shared, State};
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Membership, Release, Standing, TransportError,
};

enum Step {
    Stop,
    /// Nothing to do before this time, or before it is woken. `caught_up` if it is because there
    /// is nothing to read.
    Wait {
        until: Option<Instant>,
        caught_up: bool,
    },
    Event(Event),
    Trouble(TransportError),
    /// The batch has records of this partition.
    Records(u32),
}

impl Shared {
    fn step(self: &Arc<Self>, place: Place, batch: &mut Batch) -> Step {
        let state = &mut *self.lock();
        loop {
            let Some(member) = state.member(place) else {
                return Step::Stop;
            };
            if member.node.crashed() || member.phase == Phase::Absent {
                return Step::Stop;
            }
            if member.node.frozen() {
                return Step::Wait {
                    until: None,
                    caught_up: false,
                };
            }
            if let Some(event) = member.next_event(|| self.executor.now()) {
                return Step::Event(event);
            }
            match member.next_overdue() {
                Some((number, until)) if until <= self.executor.now() => {
                    self.release_in(state, place, number);
                }
                overdue => {
                    return read(state, place, overdue.map(|(_, until)| until), batch);
                }
            }
        }
    }

    /// The sink has let a revocation go.
    fn release(self: &Arc<Self>, place: Place, number: u64) {
        let state = &mut *self.lock();
        match state.member(place) {
            Some(member) if member.node.connected() => self.release_in(state, place, number),
            // The broker can't hear it yet: the member's task does it when it can.
            Some(member) => member.release_by(number, self.executor.now()),
            None => {}
        }
    }

    fn release_in(self: &Arc<Self>, state: &mut State, place: Place, number: u64) {
        let (group, topic) = state.group(place.group);
        if group.release(place.member, number, topic) {
            self.watch_session(state, place);
        }
    }
}

/// Reads a batch of the partition whose turn it is.
fn read(state: &mut State, place: Place, until: Option<Instant>, batch: &mut Batch) -> Step {
    let wait = |caught_up| Step::Wait { until, caught_up };
    let (member, readable) = match state.member_and_topic(place) {
        Some(found) => found,
        None => return Step::Stop,
    };
    let topic = match readable {
        Ok(topic) => topic,
        Err(error) if member.troubled == Some(error.kind) => return wait(false),
        Err(error) => {
            member.troubled = Some(error.kind);
            return Step::Trouble(error);
        }
    };
    member.troubled = None;
    if member.paused {
        return wait(false);
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
    wait(true)
}

async fn run(
    shared: Arc<Shared>,
    place: Place,
    wake: Arc<Notify>,
    sink: Arc<dyn GroupSink>,
    _ended: watch::Sender<()>,
) {
    let mut batch = Batch::default();
    // Whether the sink heard anything since it was last told that nothing is waiting.
    let mut heard = false;
    loop {
        let step = shared.step(place, &mut batch);
        match step {
            Step::Stop => return,
            Step::Wait { until, caught_up } => {
                if caught_up && std::mem::take(&mut heard) {
                    sink.idle();
                }
                shared.executor.until(until, wake.notified()).await;
            }
            Step::Event(event) => {
                heard = true;
                tell(&shared, place, &*sink, event);
            }
            Step::Trouble(error) => sink.trouble(error),
            Step::Records(partition) => {
                heard = true;
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
            let shared: Weak<Shared> = Arc::downgrade(shared);
            let release = Release::new(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.release(place, number);
                }
            });
            sink.revoked(&partitions, release);
        }
        Event::Lost(partitions) => sink.lost(&partitions),
        Event::Trouble(error) => sink.trouble(error),
    }
}

pub(super) struct MemoryMembership {
    shared: Arc<Shared>,
    place: Place,
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
            let member = Member::new(node, &wake, options.instance, options.revoke_patience);
            state.join(&options.group, &options.topic, member)?
        };
        let (sender, ended) = watch::channel(());
        drop(
            shared
                .executor
                .spawn(run(Arc::clone(shared), place, wake, sink, sender)),
        );
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            place,
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
    fn commit(&self, partition: u32, next: i64) {
        let mut state = self.shared.lock();
        let (group, _) = state.group(self.place.group);
        group.commit(self.place.member, partition, next);
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

    fn leave(&self, patience: Duration) -> BoxFuture<()> {
        let shared = Arc::clone(&self.shared);
        let place = self.place;
        let mut ended = self.ended.clone();
        Box::pin(async move {
            shared.lock().leave(place);
            let end = async { while ended.changed().await.is_ok() {} };
            if shared.executor.timeout(patience, end).await.is_err() {
                shared.lock().expel(place);
            }
        })
    }
}

impl Drop for MemoryMembership {
    fn drop(&mut self) {
        self.shared.lock().leave(self.place);
    }
}
