//! The cases, by what they are about.

mod calls;
mod clocks;
mod deadlines;
mod draining;
mod health;
mod hygiene;
mod lifecycle;
mod ordering;
mod refusals;

use std::future::Future;
use std::pin::Pin;

use crate::world::World;

/// A broker API that the mock cluster lacks, which a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lacks(pub(crate) &'static str);

/// One black-box case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) lacks: Option<Lacks>,
    pub(crate) run: fn(World) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Declares the cases of a file: `name: function` or `name: function, lacks "API"`.
macro_rules! cases {
    ($($name:literal: $function:ident $(, lacks $lacks:literal)?;)*) => {
        pub(super) const CASES: &[$crate::cases::Case] = &[$(
            $crate::cases::Case {
                name: $name,
                lacks: $crate::cases::lacks(&[$($lacks)?]),
                run: |world| ::std::boxed::Box::pin($function(world)),
            },
        )*];
    };
}
use cases;

const fn lacks(apis: &[&'static str]) -> Option<Lacks> {
    match apis {
        [] => None,
        [api, ..] => Some(Lacks(api)),
    }
}

pub(crate) fn all() -> Vec<Case> {
    [
        calls::CASES,
        refusals::CASES,
        deadlines::CASES,
        clocks::CASES,
        ordering::CASES,
        hygiene::CASES,
        lifecycle::CASES,
        draining::CASES,
        health::CASES,
    ]
    .concat()
}
