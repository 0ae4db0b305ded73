//! What a call can end with besides its answer: a stable code, an outcome, and a sentence that
//! says what to do next.

mod call;
mod code;
mod health;
mod rpc;

pub use call::CallError;
pub use code::{Code, Outcome};
pub use health::{HealthCause, HealthReason};
pub use rpc::RpcError;
