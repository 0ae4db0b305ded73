//! A service in edition 2021.

#[path = "../../service.rs"]
pub mod service;
