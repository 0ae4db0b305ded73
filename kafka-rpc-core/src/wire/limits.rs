//! Upper bounds of what travels, in bytes where not said otherwise.

/// How deep containers may nest in any document.
pub const MAX_DEPTH: usize = 64;

/// A whole record value; one batch of it fits a broker's default `message.max.bytes`.
pub const MAX_ENVELOPE_BYTES: usize = 1_000_000;

/// The name of a method, and that of a service.
pub const MAX_METHOD_BYTES: usize = 1024;

/// The name of a reply topic; Kafka itself allows no longer one.
pub const MAX_TOPIC_BYTES: usize = 249;

/// A routing key, and an idempotency key.
pub const MAX_KEY_BYTES: usize = 1024;

/// How many entries of metadata a record may have.
pub const MAX_METADATA_ENTRIES: usize = 64;

/// All names and values of a record's metadata together.
pub const MAX_METADATA_BYTES: usize = 8192;

/// The text of an error; a longer one is cut as it is written.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// The id of a server; a longer one is cut as it is written.
pub const MAX_SERVER_BYTES: usize = 256;

/// The metadata of a committed offset, in characters; a broker's default `offset.metadata.max.bytes`.
pub const MAX_NOTE_CHARS: usize = 4096;

/// The method of a command that asks for nothing but the server's clock. No service has it.
pub const CLOCK_METHOD: &str = "?clock";

/// A call's time budget, in milliseconds; a server reads a larger one as this.
pub const MAX_BUDGET_MS: u32 = 3_600_000;
