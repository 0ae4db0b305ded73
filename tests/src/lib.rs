//! The harness of the cross-crate tests: a real Apache Kafka, other processes, a shifted clock.
//!
//! Nothing that a test starts or writes outlives it, however it ends: see [`run`].

pub mod allocations;
pub mod broker;
pub mod clock;
pub mod driver;
pub mod load;
pub mod process;
pub mod run;
pub mod topics;
