//! A service may be made within a function, by a macro, and twice in a module.

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
    ($name:ident, $method:ident, $argument:ident, $ty:ty) => {
        /// A service.
        #[kafka_rpc::service]
        trait $name {
            /// A method.
            async fn $method(&self, $argument: $ty, other: $ty) -> $ty;
        }
    };
}

make!(First, call, arguments, u8);
make!(Second, call, bytes, Vec<String>);

#[test]
fn runs() {
    #[kafka_rpc::service]
    trait Local {
        async fn m(&self, a: u8) -> u8;
    }
    make!(Third, m, a, Option<u8>);
}
