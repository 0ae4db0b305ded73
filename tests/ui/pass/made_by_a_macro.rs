//! A macro by example may make a service, with every kind of fragment.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

macro_rules! make {
    (
        $(#[$meta:meta])*
        $vis:vis trait $name:ident {
            $(#[$on:meta])*
            $method:ident($argument:ident: $ty:ty) -> $out:ty
        }
        $wire:literal $limit:literal
    ) => {
        $(#[$meta])*
        #[kafka_rpc::service(name = $wire)]
        $vis trait $name {
            $(#[$on])*
            #[rpc(timeout = $limit, key = $argument)]
            async fn $method(&self, $argument: $ty, other: $ty) -> $out;

            /// Nothing, by a type that a macro was given.
            #[rpc(oneway)]
            async fn nothing(&self) -> ();
        }
    };
}

make! {
    /// A service.
    pub trait Made {
        /// A method.
        call(arguments: u8) -> Result<u8, String>
    }
    "made" "1s"
}

make! {
    trait Hidden {
        bytes(service: String) -> Vec<u8>
    }
    "hidden" "2s"
}

macro_rules! whole {
    ($($item:item)*) => {
        $(#[kafka_rpc::service] $item)*
    };
}

whole! {
    /// A service that is passed on as an item.
    pub trait Whole {
        /// A method.
        async fn m(&self, a: u8) -> u8;
    }
}

/// What is made can be named from outside.
pub fn named(made: &MadeClient, whole: &WholeClient) {
    drop(made.call(1, 2));
    drop(made.nothing());
    drop(whole.m(1));
}
