//! Grants of a broker's access control, asked for in Kafka's own protocol: neither librdkafka's
//! safe wrapper nor the jars at hand have a command for it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const CREATE_ACLS: i16 = 30;
/// The last version before the compact encoding.
const VERSION: i16 = 1;
const LITERAL: u8 = 3;
const ALLOW: u8 = 3;
const PATIENCE: Duration = Duration::from_secs(20);

/// That a user may do something, from everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Acl<'a> {
    /// The user's name.
    pub user: &'a str,
    /// What the user may do.
    pub permission: Permission,
    /// What with.
    pub resource: Resource<'a>,
}

/// What can be granted; the discriminants are Kafka's.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Permission {
    /// Reading records, or joining a group.
    Read = 3,
    /// Appending records.
    Write = 4,
    /// Knowing that it exists.
    Describe = 8,
}

/// Something to be granted.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// A topic of this name.
    Topic(&'a str),
    /// A consumer group of this name.
    Group(&'a str),
}

pub(super) fn create(bootstrap: &str, grants: &[Acl<'_>]) -> io::Result<()> {
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    string(&mut request, "kafka-rpc-tests");
    request.extend(u32::try_from(grants.len()).unwrap_or(0).to_be_bytes());
    for grant in grants {
        let (kind, name) = match grant.resource {
            Resource::Topic(name) => (2, name),
            Resource::Group(name) => (3, name),
        };
        request.push(kind);
        string(&mut request, name);
        request.push(LITERAL);
        string(&mut request, &format!("User:{}", grant.user));
        string(&mut request, "*");
        request.extend([grant.permission as u8, ALLOW]);
    }
    let mut stream = TcpStream::connect(bootstrap)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&u32::try_from(request.len()).unwrap_or(0).to_be_bytes())?;
    stream.write_all(&request)?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut response = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or(0)];
    stream.read_exact(&mut response)?;
    // Before the results: the correlation id, the throttle time, and how many results there are.
    let mut results = response.get(12..).unwrap_or_default();
    for grant in grants {
        let mut code = [0; 2];
        results.read_exact(&mut code)?;
        let mut length = [0; 2];
        results.read_exact(&mut length)?;
        let mut message = vec![0; usize::try_from(i16::from_be_bytes(length)).unwrap_or(0)];
        results.read_exact(&mut message)?;
        if code != [0; 2] {
            let code = i16::from_be_bytes(code);
            let message = String::from_utf8_lossy(&message);
            return Err(io::Error::other(format!("{grant:?}: {code} {message}")));
        }
    }
    Ok(())
}

fn string(request: &mut Vec<u8>, text: &str) {
    request.extend(u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
    request.extend(text.as_bytes());
}
