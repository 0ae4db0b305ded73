//! A plain `main` without an async runtime: each caller is a thread that is blocked on a condition
//! variable until its reply comes.

use std::thread;

use kafka_rpc::{Client, Server, TopicSettings};
use kafka_rpc_examples::cluster;

/// Counts letters.
#[kafka_rpc::service]
pub trait Letters {
    /// How many letters a text has.
    async fn count(&self, text: String) -> usize;
}

struct Clerk;

impl Letters for Clerk {
    async fn count(&self, text: String) -> usize {
        text.chars().filter(|c| c.is_alphabetic()).count()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster()?;
    // A server that is started without a runtime owns one.
    let server = Server::builder(&cluster)
        .create_topics(TopicSettings::default())
        .service(LettersServer::new(Clerk))
        .start()
        .wait()?;
    let letters: LettersClient = Client::connect(&cluster).wait()?.attach().wait()?;

    let callers: Vec<_> = ["one", "two and two", "three, three, three"]
        .into_iter()
        .map(|text| {
            let letters = letters.clone();
            thread::spawn(move || (text, letters.count(text.to_owned()).wait()))
        })
        .collect();
    for caller in callers {
        let (text, count) = caller.join().map_err(|_| "a caller panicked")?;
        println!("{text:?} has {} letters", count?);
    }

    Ok(server.shutdown().wait()?)
}
