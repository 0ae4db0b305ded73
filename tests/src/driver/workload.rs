//! The service that is called, and which calls are made.

use std::time::Duration;

use fastrand::Rng;
use kafka_rpc::TopicSettings;
use serde::{Deserialize, Serialize};

use super::event::{Method, Receipt};

/// The partitions of the commands topic.
pub const PARTITIONS: u32 = 6;
/// How many keys there are; the fewer, the more calls of a key meet.
const KEYS: u64 = 20;

/// Methods that return a [`Receipt`], so that a reply can be matched with its call.
#[kafka_rpc::service(name = "driver")]
pub trait Workload {
    /// Answers at once.
    async fn quick(&self, call: u64, data: String) -> Receipt;

    /// Answers after some milliseconds; calls with one key run one after another.
    #[rpc(key = key)]
    async fn keyed(&self, key: u64, call: u64, data: String, milliseconds: u64) -> Receipt;

    /// Answers after some milliseconds.
    async fn slow(&self, call: u64, data: String, milliseconds: u64) -> Receipt;

    /// Answers with an error of its own.
    async fn refuse(&self, call: u64, data: String) -> Result<Receipt, Refusal>;

    /// Answers nothing.
    #[rpc(oneway)]
    async fn tell(&self, call: u64, data: String);
}

/// The error of [`Workload::refuse`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Refusal(pub Receipt);

/// The service's topics.
#[must_use]
pub fn topics() -> TopicSettings {
    TopicSettings::default().commands_partitions(PARTITIONS)
}

/// The FNV-1a digest of a call's data.
#[must_use]
pub fn digest(data: &str) -> u64 {
    data.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Which kinds of calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Handlers of 3 ms at most.
    Quick,
    /// Also handlers of 200 ms, and of 3 s whose callers soon give up.
    Mixed,
    /// Quick ones, and a few of 8 s.
    Long,
}

impl Mix {
    /// How often each method is called, in percent.
    const fn shares(self) -> &'static [(Method, u32)] {
        match self {
            Self::Quick => &[
                (Method::Quick, 47),
                (Method::Keyed, 40),
                (Method::Refuse, 5),
                (Method::Tell, 8),
            ],
            Self::Mixed => &[
                (Method::Quick, 35),
                (Method::Keyed, 30),
                (Method::Slow, 15),
                (Method::Hang, 10),
                (Method::Refuse, 4),
                (Method::Tell, 6),
            ],
            Self::Long => &[
                (Method::Quick, 45),
                (Method::Keyed, 40),
                (Method::Long, 2),
                (Method::Refuse, 5),
                (Method::Tell, 8),
            ],
        }
    }
}

/// A call that is to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it asks for.
    pub method: Method,
    /// The key of [`Method::Keyed`].
    pub key: Option<u64>,
    /// What travels with it.
    pub data: String,
    /// How long the handler takes.
    pub milliseconds: u64,
    /// How long the call may take.
    pub timeout: Duration,
    /// When its caller gives it up.
    pub cancel_after: Option<Duration>,
}

impl Plan {
    /// Draws the next call.
    pub fn draw(rng: &mut Rng, mix: Mix) -> Self {
        let shares = mix.shares();
        let mut pick = rng.u32(0..shares.iter().map(|(_, share)| share).sum());
        let mut method = Method::Quick;
        for &(candidate, share) in shares {
            if pick < share {
                method = candidate;
                break;
            }
            pick -= share;
        }
        let timeout = match method {
            Method::Long => Duration::from_secs(20),
            // One too short for some, one of the usual length, and the default.
            _ => Duration::from_millis([200, 2_000, 2_000, 10_000][rng.usize(0..4)]),
        };
        Self {
            method,
            key: (method == Method::Keyed).then(|| rng.u64(0..KEYS)),
            data: format!("{:x}", rng.u128(..)),
            milliseconds: match method {
                Method::Keyed => rng.u64(1..=3),
                Method::Slow => 200,
                Method::Hang => 3_000,
                Method::Long => 8_000,
                Method::Quick | Method::Refuse | Method::Tell => 0,
            },
            timeout,
            cancel_after: (method == Method::Hang).then(|| {
                timeout
                    .min(Duration::from_millis(400))
                    .mul_f64(rng.f64() * 0.7)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_calls_again() {
        let draw = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100)
                .map(|_| format!("{:?}", Plan::draw(&mut rng, Mix::Mixed)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_shares_are_percentages() {
        for mix in [Mix::Quick, Mix::Mixed, Mix::Long] {
            let sum: u32 = mix.shares().iter().map(|(_, share)| share).sum();
            assert_eq!(sum, 100, "{mix:?}");
        }
    }
}
