//! The envelope: what a record's value holds, and which kind it is.

use super::elements::Elements;
use super::fault::Fault;
use super::head::{CANCEL, COMMAND, HAND_OVER, REPLY, VERSION};
use super::{Cancel, Command, HandOver, Malformed, Reply, preflight};

/// What a record's value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// A client asks for a method to be run.
    Command(Command<'a>),
    /// A server answers a command.
    Reply(Reply<'a>),
    /// A client gives a call up.
    Cancel(Cancel<'a>),
    /// A server tells of calls that it still runs for the partition's next owner.
    HandOver(HandOver<'a>),
}

/// Reads a record's value, which takes its [`preflight`] on the way. Allocates only to refuse.
///
/// # Errors
/// The value is no envelope of this version; see [`Malformed::code`].
pub fn decode(value: &[u8]) -> Result<Envelope<'_>, Malformed<'_>> {
    // What was read is moved as little as can be: it is many times as large as a fault.
    let refuse = |fault| refused(value, fault);
    let mut elements = Elements::new(value).map_err(refuse)?;
    let envelope = match kind(&mut elements).map_err(refuse)? {
        COMMAND => Envelope::Command(Command::read(&mut elements).map_err(refuse)?),
        REPLY => Envelope::Reply(Reply::read(&mut elements).map_err(refuse)?),
        HAND_OVER => Envelope::HandOver(HandOver::read(&mut elements).map_err(refuse)?),
        _ => Envelope::Cancel(Cancel::read(&mut elements).map_err(refuse)?),
    };
    elements.finish(value).map_err(refuse)?;
    Ok(envelope)
}

/// What fails the preflight is refused for that, whatever else is wrong with it.
#[cold]
fn refused(value: &[u8], fault: Fault) -> Malformed<'_> {
    let fault = preflight(value).err().map_or(fault, Fault::from);
    Malformed::new(value, fault)
}

/// Reads what all kinds have in common.
fn kind(elements: &mut Elements<'_>) -> Result<u64, Fault> {
    let version = elements.u64("version")?;
    if version != u64::from(VERSION) {
        return Err(Fault::unimplemented(format!(
            "envelope version {version} is unknown; this peer reads version {VERSION}"
        )));
    }
    let kind = elements.u64("kind")?;
    if !matches!(kind, COMMAND | REPLY | CANCEL | HAND_OVER) {
        return Err(Fault::unimplemented(format!(
            "envelope kind {kind} is unknown"
        )));
    }
    let flags = elements.u64("critical flags")?;
    if flags != 0 {
        return Err(Fault::unimplemented(format!(
            "critical flags {flags:#x} are set, and this peer knows none"
        )));
    }
    Ok(kind)
}
