//! Judges a command, in the documented order, by nothing but what is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hashbrown::HashMap;

use crate::server::execute::inline::Pace;
use crate::wire::limits::{MAX_BUDGET_MS, MAX_ENVELOPE_BYTES};
use crate::wire::{Command, ReplyAddress};
use crate::{Code, Descriptor, Service};

/// A service as a server runs it.
pub(in crate::server) struct Hosted {
    pub(in crate::server) service: Arc<dyn Service>,
    pub(in crate::server) descriptor: &'static Descriptor,
    methods: HashMap<&'static str, usize>,
    /// Of each method.
    pub(in crate::server) paces: Box<[Pace]>,
    results: Arc<ReplyTopic>,
}

impl Hosted {
    pub(in crate::server) fn new(service: Arc<dyn Service>, results: Arc<ReplyTopic>) -> Self {
        let descriptor = service.descriptor();
        let methods = descriptor
            .methods
            .iter()
            .enumerate()
            .map(|(index, method)| (method.name, index))
            .collect();
        Self {
            service,
            descriptor,
            methods,
            paces: descriptor.methods.iter().map(|_| Pace::default()).collect(),
            results,
        }
    }
}

/// A topic that replies may be sent to.
#[derive(Debug)]
pub(in crate::server) struct ReplyTopic {
    pub(in crate::server) name: Arc<str>,
    /// How many partitions it had when that was last looked up; they only ever become more.
    pub(in crate::server) partitions: AtomicU32,
}

/// Where a reply goes.
#[derive(Clone, Debug)]
pub(in crate::server) struct Address {
    pub(in crate::server) topic: Arc<str>,
    pub(in crate::server) partition: u32,
}

/// What is to be done about a command.
#[derive(Debug)]
pub(in crate::server) enum Verdict {
    /// Nobody waits for it any more: dropped without a reply.
    Expired,
    /// It asks for a reply where none may be sent, and so gets none.
    Forbidden,
    /// It asks for a reply in a partition that this topic didn't have when that was last looked up.
    UnknownPartition,
    /// Another of this server's groups reads the same topic for that service.
    Elsewhere,
    /// It can't be run.
    Refused(Option<Address>, Code, String),
    /// It can be run.
    Admitted(Admitted),
}

/// A command that can be run.
#[derive(Debug)]
pub(in crate::server) struct Admitted {
    pub(in crate::server) service: usize,
    pub(in crate::server) method: usize,
    /// How long it may take from now on.
    pub(in crate::server) left: Duration,
    pub(in crate::server) reply_to: Option<Address>,
}

/// What commands are judged by.
pub(in crate::server) struct Admission {
    pub(in crate::server) services: Vec<Hosted>,
    /// Services of this server whose commands come on the same topic, for another group.
    pub(in crate::server) elsewhere: Vec<&'static str>,
    /// Reply topics that are allowed besides the services' own.
    pub(in crate::server) allowed: Vec<Arc<ReplyTopic>>,
    /// How much older than its budget a command may seem.
    pub(in crate::server) allowance: Duration,
}

impl Admission {
    /// Judges a command of this size that seems `age_ms` old: size, expiry, reply address, then
    /// method. Structure, version and critical flags were judged when it was decoded; capacity comes
    /// after.
    pub(in crate::server) fn judge(
        &self,
        command: &Command<'_>,
        size: usize,
        age_ms: u64,
    ) -> Verdict {
        let service = self.find(command.service);
        if service.is_none() && self.elsewhere.contains(&command.service) {
            return Verdict::Elsewhere;
        }
        if size > MAX_ENVELOPE_BYTES {
            let reply_to = command
                .reply_to
                .and_then(|address| self.address(service, address).ok());
            let problem =
                format!("the command has {size} bytes; the limit is {MAX_ENVELOPE_BYTES}");
            return Verdict::Refused(reply_to, Code::InvalidArgument, problem);
        }
        let age = Duration::from_millis(age_ms);
        let budget = Duration::from_millis(command.budget_ms.min(MAX_BUDGET_MS).into());
        let Some(left) = (budget + self.allowance).checked_sub(age) else {
            return Verdict::Expired;
        };
        // The allowance is for errors of the estimate. It isn't the handler's, unless the command
        // seems to be older than it can be.
        let left = match budget.checked_sub(age) {
            Some(left) if !left.is_zero() => left,
            _ => left,
        };

        let reply_to = match command.reply_to {
            None => None,
            Some(address) => match self.address(service, address) {
                Ok(address) => Some(address),
                Err(verdict) => return verdict,
            },
        };

        let Some(index) = service else {
            let problem = format!("this server has no service `{}`", command.service);
            return Verdict::Refused(reply_to, Code::Unimplemented, problem);
        };
        let Hosted {
            descriptor,
            methods,
            ..
        } = &self.services[index];
        if command.service_version != descriptor.version {
            let problem = format!(
                "this server has version {} of service `{}`, not {}",
                descriptor.version, descriptor.name, command.service_version
            );
            return Verdict::Refused(reply_to, Code::Unimplemented, problem);
        }
        let Some(&method) = methods.get(command.method) else {
            let problem = format!(
                "service `{}` has no method `{}` on this server",
                descriptor.name, command.method
            );
            return Verdict::Refused(reply_to, Code::Unimplemented, problem);
        };
        Verdict::Admitted(Admitted {
            service: index,
            method,
            left,
            reply_to,
        })
    }

    /// Where the refusal of an unreadable command may be sent, if it may.
    pub(in crate::server) fn salvaged(&self, address: ReplyAddress<'_>) -> Option<Address> {
        self.address(None, address).ok()
    }

    /// Every topic that replies may be sent to.
    pub(in crate::server) fn topics(&self) -> impl Iterator<Item = &Arc<ReplyTopic>> {
        self.services
            .iter()
            .map(|hosted| &hosted.results)
            .chain(&self.allowed)
    }

    /// The index of a service.
    pub(in crate::server) fn find(&self, name: &str) -> Option<usize> {
        self.services
            .iter()
            .position(|hosted| hosted.descriptor.name == name)
    }

    /// Checks a reply address: the service's own results topic, or one that is allowed. Where the
    /// service isn't known, each service's topic will do.
    fn address(
        &self,
        service: Option<usize>,
        address: ReplyAddress<'_>,
    ) -> Result<Address, Verdict> {
        let own = match service {
            Some(index) => &self.services[index..=index],
            None => &self.services[..],
        };
        let topic = own
            .iter()
            .map(|hosted| &hosted.results)
            .chain(&self.allowed)
            .find(|topic| *topic.name == *address.topic)
            .ok_or(Verdict::Forbidden)?;
        if address.partition >= topic.partitions.load(Ordering::Acquire) {
            return Err(Verdict::UnknownPartition);
        }
        Ok(Address {
            topic: Arc::clone(&topic.name),
            partition: address.partition,
        })
    }
}
