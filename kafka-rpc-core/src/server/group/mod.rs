//! One member of a consumer group.

pub(super) mod member;
pub(super) mod rebalance;
