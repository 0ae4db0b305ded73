//! Functions may encode and decode an argument, or leave it out.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
// It asks for `pub` where `unreachable_pub` asks for less.
#![allow(clippy::redundant_pub_crate)]

use kafka_rpc::testing::in_process;

/// A type that knows nothing of serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degrees(i32);

mod degrees {
    use super::Degrees;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(it: &Degrees, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i32(it.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Degrees, D::Error> {
        i32::deserialize(from).map(Degrees)
    }
}

const fn nothing() -> Degrees {
    Degrees(0)
}

/// A service.
#[kafka_rpc::service]
pub trait Thermostat {
    /// By a module, and by functions.
    async fn set(
        &self,
        #[serde(with = "degrees")] day: Degrees,
        #[serde(
            serialize_with = "degrees::serialize",
            deserialize_with = "degrees::deserialize"
        )]
        night: Degrees,
        #[serde(with = "degrees", default = "nothing")] away: Degrees,
        #[serde(default, skip_serializing_if = "String::is_empty")] note: String,
    ) -> (i32, i32, i32, String);
}

struct Wall;

impl Thermostat for Wall {
    async fn set(
        &self,
        day: Degrees,
        night: Degrees,
        away: Degrees,
        note: String,
    ) -> (i32, i32, i32, String) {
        (day.0, night.0, away.0, note)
    }
}

#[test]
fn runs() {
    let client = in_process(ThermostatServer::new(Wall));
    for note in ["", "warmer"] {
        let call = client.set(Degrees(21), Degrees(17), Degrees(5), note.to_owned());
        assert_eq!(call.wait().ok(), Some((21, 17, 5, note.to_owned())));
    }
}
