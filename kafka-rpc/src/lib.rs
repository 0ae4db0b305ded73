//! Typed RPC over Apache Kafka.
