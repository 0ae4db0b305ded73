use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle, ThreadId};

use crate::transport::kafka::consumer::reader_task::*;

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(30);

/// Reads numbers, and says on which thread.
struct Numbers {
    come: Receiver<u32>,
    read: Sender<(u32, ThreadId)>,
}

impl Numbers {
    fn tell(&self, number: u32) {
        // A test may have ended.
        let _ = self.read.send((number, thread::current().id()));
    }

    fn attend(&mut self) {
        if let Ok(number) = self.come.recv_timeout(Duration::from_millis(5)) {
            self.tell(number);
        }
    }
}

impl Read for Numbers {
    fn tend(&mut self) {}

    fn read(&mut self) -> More {
        match self.come.try_recv() {
            Ok(13) => More::Trouble,
            Ok(number) => {
                self.tell(number);
                More::Yes
            }
            Err(_) => More::No,
        }
    }
}

struct Bed {
    shared: Arc<SharedReader<Numbers>>,
    numbers: Sender<u32>,
    read: Receiver<(u32, ThreadId)>,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Bed {
    fn new() -> Self {
        let (numbers, come) = mpsc::channel();
        let (sender, read) = mpsc::channel();
        Self {
            shared: SharedReader::new(Numbers { come, read: sender }),
            numbers,
            read,
            stop: Arc::default(),
            watcher: None,
        }
    }

    fn watch(&mut self) -> ThreadId {
        let (shared, stop) = (Arc::clone(&self.shared), Arc::clone(&self.stop));
        let watcher = thread::spawn(move || {
            shared.watch(|| stop.load(Ordering::SeqCst), Numbers::attend);
        });
        let id = watcher.thread().id();
        self.watcher = Some(watcher);
        id
    }

    fn bring(&self, number: u32) {
        self.numbers.send(number).expect("the reader is there");
        Arc::downgrade(&self.shared).alert();
    }

    /// By which thread the number was read.
    fn reader_of(&self, number: u32) -> ThreadId {
        let (read, thread) = self.read.recv_timeout(SOON).expect("it is read");
        assert_eq!(read, number);
        thread
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.shared.ring();
        if let Some(watcher) = self.watcher.take() {
            watcher.join().expect("it ends");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime")
}

#[test]
fn a_task_reads_where_there_is_a_runtime() {
    let mut bed = Bed::new();
    let runtime = runtime();
    runtime.spawn(bed.shared.task());
    let watcher = bed.watch();
    bed.bring(1);
    // The thread may be late once on a busy machine, but not always.
    let mut number = 1;
    while bed.reader_of(number) == watcher {
        number += 1;
        bed.bring(number);
    }
}

#[test]
fn the_thread_reads_where_there_is_none() {
    let mut bed = Bed::new();
    let watcher = bed.watch();
    bed.bring(1);
    assert_eq!(bed.reader_of(1), watcher);
}

#[test]
fn the_thread_reads_while_the_runtime_is_blocked() {
    let mut bed = Bed::new();
    let runtime = runtime();
    runtime.spawn(bed.shared.task());
    let (unblock, blocked) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    runtime.spawn(async move {
        begun.send(()).expect("the test waits");
        let _ = blocked.recv();
    });
    begins.recv_timeout(SOON).expect("it begins");
    let watcher = bed.watch();
    for number in 1..=3 {
        bed.bring(number);
        assert_eq!(bed.reader_of(number), watcher);
    }
    drop(unblock);
}

#[test]
fn the_thread_reads_when_the_runtime_has_ended() {
    let mut bed = Bed::new();
    let runtime = runtime();
    runtime.spawn(bed.shared.task());
    let watcher = bed.watch();
    drop(runtime);
    bed.bring(1);
    assert_eq!(bed.reader_of(1), watcher);
}

#[test]
fn the_thread_sees_to_trouble() {
    let mut bed = Bed::new();
    let runtime = runtime();
    runtime.spawn(bed.shared.task());
    // Alone with the task first, so that it is the task that meets the trouble.
    bed.bring(13);
    while bed.shared.trusted.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let watcher = bed.watch();
    bed.bring(1);
    assert_eq!(bed.reader_of(1), watcher);
}
