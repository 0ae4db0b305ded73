//! Judges a command, in the documented order, by nothing but what is given.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::age::Age;
use super::reply_address::{Refused, ReplyTopic};
use crate::server::complete::origin::Address;
use crate::server::execute::pace::Pace;
use crate::wire::limits::{CLOCK_METHOD, MAX_BUDGET_MS, MAX_ENVELOPE_BYTES};
use crate::wire::{Command, ReplyAddress};
use crate::{Code, Descriptor, Service};

/// A service as a server runs it.
pub(crate) struct Hosted {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) descriptor: &'static Descriptor,
    methods: HashMap<&'static str, usize>,
    /// Of each method.
    pub(crate) paces: Box<[Pace]>,
    results: Arc<ReplyTopic>,
}

impl Hosted {
    pub(crate) fn new(service: Arc<dyn Service>, results: Arc<ReplyTopic>) -> Self {
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

/// What is to be done about a command.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nobody waits for it any more, as far as its age can be told.
    Expired {
        reply_to: Option<Address>,
        age: Duration,
    },
    /// It comes from the future by so much: its age can't be told.
    Ahead {
        reply_to: Option<Address>,
        by: Duration,
    },
    /// It asks for this server's clock, and for nothing else.
    Probe(Option<Address>),
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
pub(crate) struct Admitted {
    pub(crate) service: usize,
    pub(crate) method: usize,
    /// How long it may take from now on.
    pub(crate) left: Duration,
    pub(crate) reply_to: Option<Address>,
}

/// What commands are judged by.
pub(crate) struct Admission {
    pub(crate) services: Vec<Hosted>,
    /// Services of this server whose commands come on the same topic, for another group.
    pub(crate) elsewhere: Vec<&'static str>,
    /// Reply topics that are allowed besides the services' own.
    pub(crate) allowed: Vec<Arc<ReplyTopic>>,
    /// How far the clocks of callers and other servers may be from this server's.
    pub(crate) allowance: Duration,
}

impl Admission {
    /// Judges a command of this size and age: size, expiry, reply address, then method. Structure,
    /// version and critical flags were judged when it was decoded; capacity comes after.
    pub(crate) fn judge(&self, command: &Command<'_>, size: usize, age: Age) -> Verdict {
        let service = self.find(command.service);
        if service.is_none() && self.elsewhere.contains(&command.service) {
            return Verdict::Elsewhere;
        }
        let told_to = || {
            let address = command.reply_to?;
            self.address(service, address).ok()
        };
        if size > MAX_ENVELOPE_BYTES {
            let reply_to = told_to();
            let problem =
                format!("the command has {size} bytes; the limit is {MAX_ENVELOPE_BYTES}");
            return Verdict::Refused(reply_to, Code::InvalidArgument, problem);
        }
        if command.method == CLOCK_METHOD {
            return Verdict::Probe(told_to());
        }
        let budget = Duration::from_millis(command.budget_ms.min(MAX_BUDGET_MS).into());
        let Some(left) = age.left(budget, self.allowance) else {
            let reply_to = told_to();
            return match age {
                Age::Known(age) | Age::Presumed(age) => Verdict::Expired { reply_to, age },
                Age::Ahead(by) => Verdict::Ahead { reply_to, by },
            };
        };

        let reply_to = match command.reply_to {
            None => None,
            Some(address) => match self.address(service, address) {
                Ok(address) => Some(address),
                Err(Refused::Topic) => return Verdict::Forbidden,
                Err(Refused::Partition) => return Verdict::UnknownPartition,
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
    pub(crate) fn salvaged(&self, address: ReplyAddress<'_>) -> Option<Address> {
        self.address(None, address).ok()
    }

    /// Every topic that replies may be sent to.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<ReplyTopic>> {
        self.services
            .iter()
            .map(|hosted| &hosted.results)
            .chain(&self.allowed)
    }

    /// The index of a service's method.
    pub(crate) fn method(&self, service: usize, name: &str) -> Option<usize> {
        self.services[service].methods.get(name).copied()
    }

    /// The index of a service.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
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
    ) -> Result<Address, Refused> {
        let own = match service {
            Some(index) => &self.services[index..=index],
            None => &self.services[..],
        };
        own.iter()
            .map(|hosted| &hosted.results)
            .chain(&self.allowed)
            .find(|topic| *topic.name == *address.topic)
            .ok_or(Refused::Topic)?
            .address(address.partition)
    }
}
