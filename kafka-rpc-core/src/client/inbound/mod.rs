//! From a record of the results topic to what the method returned.

pub(super) mod decode;
pub(super) mod replies;
