//! How librdkafka's clients are set up.

pub(super) mod clients;
pub(super) mod defaults;
pub(super) mod effective;
pub(super) mod profile;
pub(super) mod settings;
