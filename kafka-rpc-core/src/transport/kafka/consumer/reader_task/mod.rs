//! Reads on the runtime of those who wait for what is read, as long as that runs.
//!
//! Where a thread reads and then wakes a task, a reply takes two thread hops; where a task reads, it
//! takes one, and the tasks that it wakes are on its own thread. But a runtime can be blocked by user
//! code, or end, while others wait on plain threads. So the listener's thread watches: it reads
//! itself while the task doesn't come to it, and without a runtime always.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::transport::kafka::ffi::Alerted;
use crate::util::lock_order::{REPLY_READER, REPLY_TASK, REPLY_WATCHER};
use crate::util::sync::{Condvar, Mutex, lock, try_lock};

/// How long a task may leave what came unread; at most twice as long.
const LATE_AFTER: Duration = Duration::from_millis(10);

/// After so many rounds in which nothing came the thread sleeps.
const QUIET_ROUNDS: u32 = 20;

/// How long the thread sleeps at most.
const SLEEP: Duration = Duration::from_secs(1);

/// How long a task that was late isn't relied on.
const DISTRUST: Duration = Duration::from_secs(1);

/// How often the thread tends the reader.
const TEND: Duration = Duration::from_millis(900);

/// Something that is read without waiting.
pub(in crate::transport::kafka) trait Read: Send {
    /// Reads what is there, up to a limit, and says whether there is more.
    fn read(&mut self) -> More;

    /// Sees to what isn't reading; called by the thread about once a second.
    fn tend(&mut self);
}

/// Whether there is more to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport::kafka) enum More {
    No,
    Yes,
    /// The thread has to see to something first.
    Trouble,
}

/// What the thread and the task share.
pub(in crate::transport::kafka) struct SharedReader<R> {
    /// Empty once the thread has ended.
    reader: Mutex<Option<R>, REPLY_READER>,
    task: Mutex<Option<Waker>, REPLY_TASK>,
    /// There is a task.
    exists: AtomicBool,
    /// The task is relied on.
    trusted: AtomicBool,
    /// Something came that the task hasn't looked at.
    alerted: AtomicBool,
    /// How often the task has read.
    reads: AtomicU64,
    sleeps: AtomicBool,
    lock: Mutex<(), REPLY_WATCHER>,
    bell: Condvar,
}

impl<R: Read> SharedReader<R> {
    pub(in crate::transport::kafka) fn new(reader: R) -> Arc<Self> {
        Arc::new(Self {
            reader: Mutex::new(Some(reader)),
            task: Mutex::default(),
            exists: AtomicBool::new(false),
            trusted: AtomicBool::new(false),
            alerted: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            sleeps: AtomicBool::new(false),
            lock: Mutex::default(),
            bell: Condvar::default(),
        })
    }

    /// The task that reads; to be spawned.
    pub(in crate::transport::kafka) fn task(
        self: &Arc<Self>,
    ) -> impl Future<Output = ()> + Send + use<R>
    where
        R: 'static,
    {
        self.exists.store(true, Ordering::SeqCst);
        self.trusted.store(true, Ordering::SeqCst);
        Task(Arc::clone(self))
    }

    /// Changes the reader before it is read from.
    pub(in crate::transport::kafka) fn edit(&self, change: impl FnOnce(&mut R)) {
        if let Some(reader) = &mut *lock(&self.reader) {
            change(reader);
        }
    }

    /// Has the thread look again whether it is to stop.
    pub(in crate::transport::kafka) fn ring(&self) {
        drop(lock(&self.lock));
        self.bell.notify_all();
    }

    /// The thread's part: `attend` is what it does while it is to read itself, or when there is trouble.
    /// Takes the reader out at the end, to be dropped by the thread.
    pub(in crate::transport::kafka) fn watch(
        &self,
        stop: impl Fn() -> bool,
        mut attend: impl FnMut(&mut R),
    ) {
        let _end = End(self);
        let mut distrusted = None;
        let mut progress = Progress::default();
        let mut tended = Instant::now();
        while !stop() {
            if tended.elapsed() >= TEND {
                tended = Instant::now();
                self.tend();
            }
            if self.trusted.load(Ordering::SeqCst) {
                self.rest(&progress, &stop);
                if progress.is_late(self) {
                    self.trusted.store(false, Ordering::SeqCst);
                }
                continue;
            }
            let since = *distrusted.get_or_insert_with(Instant::now);
            if let Some(reader) = &mut *lock(&self.reader) {
                attend(reader);
            }
            if since.elapsed() >= DISTRUST && self.exists.load(Ordering::SeqCst) {
                distrusted = None;
                progress = Progress::default();
                self.trusted.store(true, Ordering::SeqCst);
                // Something may have come that nobody was told of.
                self.alert();
            }
        }
    }

    /// Tends the reader, unless somebody reads.
    fn tend(&self) {
        if let Some(mut reader) = try_lock(&self.reader)
            && let Some(reader) = &mut *reader
        {
            reader.tend();
        }
        // A task that came meanwhile went away again.
        if self.alerted.load(Ordering::SeqCst) {
            self.alert();
        }
    }

    fn rest(&self, progress: &Progress, stop: impl Fn() -> bool) {
        let guard = lock(&self.lock);
        let sleeps = progress.quiet > QUIET_ROUNDS;
        self.sleeps.store(sleeps, Ordering::SeqCst);
        let come = sleeps && self.alerted.load(Ordering::SeqCst);
        if !come && !stop() && self.trusted.load(Ordering::SeqCst) {
            let length = if sleeps { SLEEP } else { LATE_AFTER };
            drop(self.bell.wait_timeout(guard, length));
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }

    fn wake(&self) {
        // Woken once the lock is let go: where cores are short the task runs at once, in place of this
        // thread, and asks for the lock first.
        let task = lock(&self.task).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Takes the reader out when the thread's part ends, also by a panic: nobody else may destroy it.
struct End<'a, R: Read>(&'a SharedReader<R>);

impl<R: Read> Drop for End<'_, R> {
    fn drop(&mut self) {
        let reader = lock(&self.0.reader).take();
        drop(reader);
        self.0.wake();
    }
}

/// The reader holds what alerts, and is held by what is alerted.
impl<R: Read> Alerted for Weak<SharedReader<R>> {
    fn alert(&self) {
        if let Some(shared) = self.upgrade() {
            shared.alert();
        }
    }
}

impl<R: Read> SharedReader<R> {
    fn alert(&self) {
        self.alerted.store(true, Ordering::SeqCst);
        if self.trusted.load(Ordering::SeqCst) {
            self.wake();
            if self.sleeps.swap(false, Ordering::SeqCst) {
                self.ring();
            }
        }
    }
}

/// How far the task had got when the thread last looked.
#[derive(Default)]
struct Progress {
    reads: u64,
    alerted: bool,
    quiet: u32,
}

impl Progress {
    /// Whether the task has not come to what was there at the last look.
    fn is_late<R>(&mut self, shared: &SharedReader<R>) -> bool {
        let reads = shared.reads.load(Ordering::SeqCst);
        let alerted = shared.alerted.load(Ordering::SeqCst);
        let same = std::mem::replace(&mut self.reads, reads) == reads;
        let before = std::mem::replace(&mut self.alerted, alerted);
        self.quiet = if same && !alerted { self.quiet + 1 } else { 0 };
        same && alerted && before
    }
}

struct Task<R>(Arc<SharedReader<R>>);

impl<R: Read> Future for Task<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = &*self.0;
        {
            let mut task = lock(&shared.task);
            if !task
                .as_ref()
                .is_some_and(|task| task.will_wake(context.waker()))
            {
                *task = Some(context.waker().clone());
            }
        }
        // Whoever has it reads it, and alerts this task when it gives it back.
        let Some(mut reader) = try_lock(&shared.reader) else {
            return Poll::Pending;
        };
        let Some(reader) = &mut *reader else {
            return Poll::Ready(());
        };
        if !shared.trusted.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        shared.reads.fetch_add(1, Ordering::SeqCst);
        // Before it reads: what comes meanwhile alerts again.
        shared.alerted.store(false, Ordering::SeqCst);
        match reader.read() {
            More::No => {}
            More::Yes => context.waker().wake_by_ref(),
            More::Trouble => {
                shared.trusted.store(false, Ordering::SeqCst);
                shared.ring();
            }
        }
        Poll::Pending
    }
}

impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        // Its runtime has ended, or there is nothing to be read any more.
        self.0.exists.store(false, Ordering::SeqCst);
        self.0.trusted.store(false, Ordering::SeqCst);
        drop(lock(&self.0.lock));
        self.0.bell.notify_all();
    }
}
