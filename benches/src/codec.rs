//! `codec`: encoding, checking and decoding, beside plain rmp-serde on the same data.

use std::hint::black_box;
use std::time::Duration;

use kafka_rpc_core::CallId;
use kafka_rpc_core::macro_support::{self, Arguments, WireType, decode_value};
use kafka_rpc_core::wire::{self, Command, Reply, ReplyAddress, ReplyBody, StageTimes, preflight};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::measure::Outcome;
use crate::options::Options;
use crate::report;
use crate::statistics::Estimate;
use crate::timing::nanoseconds;

/// What a large argument holds, encoded.
const LARGE_BYTES: usize = 16 * 1024;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Order {
    number: u64,
    customer: Customer,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Customer {
    name: String,
    street: String,
    city: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Line {
    article: String,
    quantity: u32,
    cents: i64,
    tags: Vec<String>,
}

/// The arguments of a method as plain rmp-serde writes them: the same bytes.
#[derive(Debug, Deserialize, Serialize)]
struct Small {
    a: i64,
    b: i64,
}

#[derive(Debug, Deserialize, Serialize)]
struct Large {
    order: Order,
}

#[derive(Debug, Serialize)]
struct Results {
    samples: usize,
    sizes: Vec<Size>,
}

#[derive(Debug, Serialize)]
struct Size {
    name: String,
    argument_bytes: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    step: &'static str,
    nanoseconds: Estimate,
}

/// How each step is timed.
#[derive(Clone, Copy, Debug)]
struct Timer {
    samples: usize,
    sample: Duration,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let timer = Timer {
        samples: options.take("--samples", 31, 3)?,
        sample: Duration::from_millis(options.take("--sample-ms", 20, 5)?),
    };
    let json = options.finish()?;
    let order = order();
    let small = timer.size(
        "two i64",
        &Small { a: 1 << 40, b: -5 },
        |small| {
            let mut arguments = Arguments::named(2);
            small.a.encode("a", &mut arguments);
            small.b.encode("b", &mut arguments);
            arguments
        },
        |bytes| {
            let [a, b] = macro_support::arguments(bytes, ["a", "b"]).ok()?;
            Some((i64::decode(a, "a").ok()?, i64::decode(b, "b").ok()?))
        },
    )?;
    let large = timer.size(
        "a nested struct",
        &Large { order },
        |large| {
            let mut arguments = Arguments::named(1);
            large.order.encode("order", &mut arguments);
            arguments
        },
        |bytes| {
            let [order] = macro_support::arguments(bytes, ["order"]).ok()?;
            Order::decode(order, "order").ok()
        },
    )?;
    let results = Results {
        samples: timer.samples,
        sizes: vec![small, large],
    };
    report::write(json.as_deref(), "codec", None, &results)
}

/// An order that takes so many bytes.
fn order() -> Order {
    let line = |number: usize| Line {
        article: format!("article {number:05}"),
        quantity: number as u32,
        cents: -(number as i64) * 1_000,
        tags: vec!["new".to_owned(), "fragile".to_owned()],
    };
    // Each takes 70 bytes or so.
    Order {
        number: 1 << 33,
        customer: Customer {
            name: "Ada Example".to_owned(),
            street: "1 Some Street".to_owned(),
            city: None,
        },
        lines: (0..LARGE_BYTES / 70).map(line).collect(),
    }
}

impl Timer {
    /// Times each step of a call with these arguments, there and back.
    fn size<T, D>(
        self,
        name: &str,
        value: &T,
        encode: impl Fn(&T) -> Arguments,
        decode: impl Fn(&[u8]) -> Option<D>,
    ) -> Outcome<Size>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let arguments = rmp_serde::to_vec_named(value)?;
        decode(&arguments).ok_or("the arguments can't be decoded")?;
        let command = Command {
            call_id: CallId::new(*b"instance", 1 << 20),
            service: "Calculator",
            service_version: 0,
            method: "add",
            arguments: &arguments,
            reply_to: Some(ReplyAddress {
                topic: "Calculator.results",
                partition: 1,
            }),
            budget_ms: 10_000,
            key: None,
            idempotency_key: None,
            attempt: 1,
            fingerprint: Some(u64::MAX),
            sent: None,
        };
        let reply = Reply {
            call_id: command.call_id,
            body: ReplyBody::Value(&arguments),
            server: "host.example-1",
            times: StageTimes::default(),
            attempt: 1,
        };
        let (mut command_bytes, mut reply_bytes) = (Vec::new(), Vec::new());
        command.encode(&mut command_bytes);
        reply.encode(&mut reply_bytes);
        let mut out = Vec::new();

        println!("\n{name}: {} bytes of arguments, ns", arguments.len());
        let mut rows = Vec::new();
        let mut step = |step, work: &mut dyn FnMut()| {
            let nanoseconds = nanoseconds(self.samples, self.sample, work);
            println!(
                "  {step:<34}{:>10.1}   95 %: {:.1} to {:.1}",
                nanoseconds.median, nanoseconds.low, nanoseconds.high,
            );
            rows.push(Row { step, nanoseconds });
        };
        step("arguments: encode", &mut || {
            black_box(encode(black_box(value)));
        });
        step("rmp-serde: encode", &mut || {
            black_box(rmp_serde::to_vec_named(black_box(value)).ok());
        });
        step("command: encode", &mut || {
            out.clear();
            black_box(&command).encode(black_box(&mut out));
        });
        step("command: preflight", &mut || {
            black_box(preflight(black_box(&command_bytes)).is_ok());
        });
        step("command: preflight and decode", &mut || {
            black_box(wire::decode(black_box(&command_bytes)).is_ok());
        });
        step("arguments: preflight", &mut || {
            black_box(preflight(black_box(&arguments)).is_ok());
        });
        step("arguments: preflight and decode", &mut || {
            black_box(decode(black_box(&arguments)));
        });
        step("rmp-serde: decode", &mut || {
            black_box(rmp_serde::from_slice::<T>(black_box(&arguments)).ok());
        });
        step("reply: encode", &mut || {
            out.clear();
            black_box(&reply).encode(black_box(&mut out));
        });
        step("reply: preflight and decode", &mut || {
            black_box(wire::decode(black_box(&reply_bytes)).is_ok());
        });
        step("value: preflight and decode", &mut || {
            black_box(decode_value::<T>(black_box(&arguments)).ok());
        });
        Ok(Size {
            name: name.to_owned(),
            argument_bytes: arguments.len(),
            rows,
        })
    }
}
