//! The crate's rooms, and the arrows between them: what a module names, resolved through `crate::`,
//! `super::` and re-exports to the module that defines it.
//!
//! CONTRIBUTING.md says what each room is for. Items that only tests have are left out.
#![allow(clippy::unwrap_used)]

mod circles;
mod modules;

use std::collections::BTreeMap;
use std::path::Path;

use modules::{Modules, Names};

/// The rooms of the crate, each with those that it may import. The crate's root only re-exports.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("util", &["error"]),
    ("wire", &["error"]),
    ("transport", &["error", "util", "wire"]),
    ("service", &["error", "transport", "wire"]),
    ("call", &["error", "service", "transport", "util", "wire"]),
    (
        "middleware",
        &["call", "error", "service", "transport", "util", "wire"],
    ),
    (
        "client",
        &[
            "call",
            "error",
            "middleware",
            "service",
            "transport",
            "util",
            "wire",
        ],
    ),
    (
        "server",
        &[
            "call",
            "error",
            "middleware",
            "service",
            "transport",
            "util",
            "wire",
        ],
    ),
    (
        "macro_support",
        &["call", "client", "error", "service", "wire"],
    ),
    (
        "testing",
        &[
            "client",
            "error",
            "middleware",
            "server",
            "service",
            "transport",
            "util",
        ],
    ),
];

/// Rooms within a room, from the top down: each may import what stands below it. Files of the room
/// itself stand above all, but for those that are plain data, which all may import.
const STACKS: &[(&str, &[&str], &[&str])] = &[
    (
        "server",
        &[
            "group", "admit", "calls", "execute", "schedule", "complete", "observe",
        ],
        &[],
    ),
    (
        "transport/kafka",
        &["consumer", "producer", "admin", "config", "client", "ffi"],
        &[],
    ),
    (
        "client",
        &[
            "call",
            "outbound",
            "inbound",
            "pending",
            "clocks",
            "partitions",
        ],
        &["connection", "metadata", "options", "stats", "timing"],
    ),
];

fn core() -> Modules {
    Modules::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn rooms_import_only_what_they_may() {
    let wrong = imports_that_are_not_allowed(&core());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn imports_that_are_not_allowed(modules: &Modules) -> Vec<String> {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (from, to) in modules.arrows() {
        let (Some(room), Some(other)) = (from.first(), to.first()) else {
            continue;
        };
        let Some(allowed) = rooms.get(room.as_str()) else {
            wrong.push(format!("`{room}` is no room of the list"));
            continue;
        };
        if room != other && !allowed.contains(&other.as_str()) {
            wrong.push(format!("`{}` imports `{}`", from.join("::"), to.join("::")));
        }
    }
    wrong
}

#[test]
fn rooms_within_a_room_import_only_what_stands_below_them() {
    let wrong = imports_that_point_up(&core());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn imports_that_point_up(modules: &Modules) -> Vec<String> {
    let mut wrong = Vec::new();
    for (room, stack, data) in STACKS {
        let room: Names = room.split('/').map(str::to_owned).collect();
        // The room's own files stand above its rooms.
        let height = |names: &Names| {
            let within = names.strip_prefix(room.as_slice())?;
            let name = within.first().map_or("", String::as_str);
            if data.contains(&name) {
                return None;
            }
            let place = stack.iter().position(|other| *other == name);
            Some(place.map_or(0, |place| place + 1))
        };
        for (from, to) in modules.arrows() {
            if let (Some(above), Some(below)) = (height(from), height(to))
                && above > below
            {
                wrong.push(format!("`{}` imports `{}`", from.join("::"), to.join("::")));
            }
        }
    }
    wrong
}

#[test]
fn no_circle_of_files_leaves_its_folder_or_has_more_than_two() {
    let wrong = circles::too_large(&core());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_path_is_followed_through_re_exports() {
    let modules = Modules::of(&[
        (
            "lib.rs",
            "mod client; mod server; mod wire; pub use server::Server;",
        ),
        ("client.rs", "fn call() { let _ = super::Server::new(); }"),
        ("server/mod.rs", "mod running; pub use running::Server;"),
        ("server/running.rs", "pub struct Server;"),
        ("wire.rs", "use crate::*; fn name() -> Server { Server }"),
    ]);
    let wrong = imports_that_are_not_allowed(&modules);
    assert_eq!(wrong, ["`client` imports `server::running`"]);
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let modules = Modules::of(&[
        ("lib.rs", "mod server;"),
        (
            "server/mod.rs",
            "mod complete; mod group; pub struct Server;",
        ),
        (
            "server/group.rs",
            "use super::complete::Outbox; pub struct Member(Outbox);",
        ),
        (
            "server/complete.rs",
            "pub struct Outbox; fn member(_: crate::server::group::Member) {}",
        ),
    ]);
    assert_eq!(
        imports_that_point_up(&modules),
        ["`server::complete` imports `server::group`"]
    );
}

#[test]
fn a_circle_of_files_is_found() {
    let three = Modules::of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::c::C; pub struct B(C);"),
        ("c.rs", "pub struct C(Box<crate::a::A>);"),
    ]);
    assert_eq!(circles::too_large(&three), ["a.rs, b.rs, c.rs"]);
    let two = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A(crate::b::B);"),
        ("b.rs", "pub struct B(Box<crate::a::A>);"),
    ];
    assert!(circles::too_large(&Modules::of(&two)).is_empty());
    let across = Modules::of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "pub struct A(crate::b::B);"),
        ("b/mod.rs", "pub struct B(Box<crate::a::A>);"),
    ]);
    assert_eq!(circles::too_large(&across), ["a/mod.rs, b/mod.rs"]);
}

#[test]
fn what_only_tests_have_is_left_out() {
    let modules = Modules::of(&[
        ("lib.rs", "mod client; mod server;"),
        (
            "client.rs",
            "#[cfg(test)] mod tests { use crate::server::Server; }",
        ),
        ("server.rs", "pub struct Server;"),
    ]);
    assert!(imports_that_are_not_allowed(&modules).is_empty());
}
