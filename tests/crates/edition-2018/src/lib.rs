//! A service in edition 2018.

#[path = "../../service.rs"]
pub mod service;
