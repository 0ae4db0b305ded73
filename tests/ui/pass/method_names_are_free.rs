//! No name of a method collides with what is generated.

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
// What clippy says of some of these names is for whoever chooses them.
#![allow(non_snake_case, clippy::wrong_self_convention)]

/// A service.
#[kafka_rpc::service]
pub trait Names {
    /// A name.
    async fn new(&self);
    /// A name.
    async fn clone(&self);
    /// A name.
    async fn serve(&self);
    /// A name.
    async fn call(&self);
    /// A name.
    async fn request(&self);
    /// A name.
    async fn drop(&self);
    /// A name.
    async fn into(&self);
    /// A name.
    async fn from(&self);
    /// A name.
    async fn default(&self);
    /// A name.
    async fn fmt(&self);
    /// A name.
    async fn name(&self);
    /// A name.
    async fn builder(&self);
    /// A name.
    async fn dispatch(&self);
    /// A name.
    async fn binding(&self);
    /// A name.
    async fn from_binding(&self);
    /// A name.
    async fn descriptor(&self);
    /// A name.
    async fn get_one(&self);
    /// A name.
    async fn get__one(&self);
    /// A name.
    async fn GetOne(&self);
}
