//! Where a reply is awaited.

/// The partition of a results topic that a client listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyAddress<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: u32,
}
