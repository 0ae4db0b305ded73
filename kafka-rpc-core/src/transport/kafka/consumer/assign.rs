//! What happens after a rebalance: finds out where new partitions are to be read from, and reads them.
//!
//! The group's rebalance is answered at once, before anything is known of the new partitions:
//! librdkafka stops all of them until then. Whatever is asked for the new ones comes as answers into a
//! queue, and no partition that was there before waits for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::member::{Shared, number};
use super::rebalance::Context;
use crate::transport::kafka::ffi::{self, Answer, Found};
use crate::transport::{Assigned, Committed};
use crate::util::sync::lock;

/// The pause before what couldn't be found is asked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// The questions after a rebalance.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: usize,
    open: Vec<Question>,
    /// When to ask again.
    again: Option<Instant>,
}

#[derive(Debug)]
struct Question {
    number: usize,
    committed: Option<BTreeMap<i32, Option<Committed>>>,
    ends: Option<BTreeMap<i32, i64>>,
}

impl Questions {
    /// There was a rebalance. Asks for what is new, and where all partitions end: librdkafka lets those
    /// read on that stay, but doesn't wake the threads that read them.
    pub(super) fn ask(&mut self, consumer: &ffi::Consumer<Context>, shared: &Shared) {
        self.last += 1;
        self.again = None;
        let (new, mut all) = {
            let mut partitions = lock(&shared.partitions);
            (partitions.ask(self.last), partitions.owned())
        };
        all.extend(&new);
        if all.is_empty() {
            return;
        }
        let positions = consumer.positions();
        if !new.is_empty() {
            positions.ask_committed(&shared.list(&new), self.last);
            self.open.push(Question {
                number: self.last,
                committed: None,
                ends: None,
            });
        }
        let mut ends = TopicPartitionList::with_capacity(all.len());
        for partition in all {
            // It fails for offsets below zero that have no meaning, of which this is none.
            drop(ends.add_partition_offset(&shared.options.topic, partition, Offset::End));
        }
        positions.ask_ends(&ends, self.last);
    }

    /// Handles an answer.
    pub(super) fn take(
        &mut self,
        answer: Answer,
        consumer: &ffi::Consumer<Context>,
        shared: &Shared,
    ) {
        let asked = self.open.iter().position(|one| one.number == answer.number);
        let Some(index) = asked else {
            // It was asked to wake threads up, or is answered already.
            return;
        };
        let question = &mut self.open[index];
        match answer.found {
            Found::Committed(committed) => question.committed = Some(committed),
            Found::Ends(ends, _) => question.ends = Some(ends),
            Found::Id(_) => {}
            Found::Failed(error) => {
                shared.trouble(&error);
                self.open.swap_remove(index);
                lock(&shared.partitions).ask_again(answer.number);
                self.again = Instant::now().checked_add(PAUSE);
                return;
            }
        }
        if question.committed.is_some() && question.ends.is_some() {
            let question = self.open.swap_remove(index);
            assign(consumer, shared, question);
        }
    }

    /// Asks again for what couldn't be found, when it is time.
    pub(super) fn go_on(&mut self, consumer: &ffi::Consumer<Context>, shared: &Shared) {
        if self.again.is_some_and(|at| at <= Instant::now()) {
            self.ask(consumer, shared);
        }
    }
}

/// Reads the partitions of a question that is answered, as far as they are still the member's.
fn assign(consumer: &ffi::Consumer<Context>, shared: &Shared, question: Question) {
    let new = lock(&shared.partitions).own(question.number);
    if new.is_empty() {
        return;
    }
    let (mut committed, ends) = (
        question.committed.unwrap_or_default(),
        question.ends.unwrap_or_default(),
    );
    let mut list = TopicPartitionList::with_capacity(new.len());
    let mut assigned = Vec::with_capacity(new.len());
    for partition in &new {
        let committed = committed.remove(partition).flatten();
        let committed = committed.filter(|one| !shared.known.is_outdated(*partition, one.next));
        if let Some(committed) = &committed {
            shared.known.starts_at(*partition, committed.next);
        }
        // Numbers alone are read from at once.
        let from = committed.as_ref();
        let from = from.map_or(Offset::Beginning, |from| Offset::Offset(from.next));
        drop(list.add_partition_offset(&shared.options.topic, *partition, from));
        assigned.push(Assigned {
            partition: number(*partition),
            end: ends.get(partition).copied(),
            committed,
        });
        consumer.forward_partition(&shared.options.topic, *partition);
    }
    shared.sink.assigned(&assigned);
    if let Err(error) = consumer.client().incremental_assign(&list) {
        lock(&shared.partitions).give_up(&new);
        let lost: Vec<u32> = new.into_iter().map(number).collect();
        shared.sink.lost(&lost);
        shared.trouble(&error);
    }
}
