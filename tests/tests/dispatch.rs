//! What a generated server does with encoded arguments, without any transport.
#![allow(clippy::unwrap_used, missing_docs)]

use kafka_rpc::__private::v0_1_0::{Answer, Failure};
use kafka_rpc::Service;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub enum DivideError {
    ByZero,
}

fn nine() -> i64 {
    9
}

#[kafka_rpc::service]
pub trait Calculator {
    #[cfg(any())]
    async fn gone(&self);
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError>;
    async fn evolved(
        &self,
        #[serde(rename = "type")] kind: u8,
        #[serde(default)] added: u8,
        #[serde(default = "nine")] later: i64,
    ) -> (u8, u8, i64);
    #[rpc(oneway)]
    async fn note(&self, text: String);
    async fn reverse(&self, bytes: Vec<u8>) -> Vec<u8>;
}

struct Desk;

impl Calculator for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError> {
        a.checked_div(b).ok_or(DivideError::ByZero)
    }

    async fn evolved(&self, kind: u8, added: u8, later: i64) -> (u8, u8, i64) {
        (kind, added, later)
    }

    async fn note(&self, _text: String) {}

    async fn reverse(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }
}

async fn dispatch(method: &str, arguments: &[u8]) -> Result<Answer, Failure> {
    let server = CalculatorServer::new(Desk);
    let methods = server.descriptor().methods;
    let index = methods.iter().position(|it| it.name == method).unwrap();
    server.dispatch(index, arguments.to_vec().into()).await
}

#[tokio::test]
async fn arguments_reach_the_method_by_name() {
    let answer = dispatch("add", b"\x82\xa1b\x02\xa1a\x28").await;
    assert_eq!(answer, Ok(Answer::Value(vec![42])));
}

#[tokio::test]
async fn arguments_reach_the_method_by_position() {
    assert_eq!(
        dispatch("divide", b"\x92\x0a\x05").await,
        Ok(Answer::Value(vec![2]))
    );
}

#[tokio::test]
async fn the_methods_own_error_is_told_from_its_value() {
    assert_eq!(
        dispatch("divide", b"\x92\x0a\x00").await,
        Ok(Answer::App(b"\xa6ByZero".to_vec()))
    );
}

#[tokio::test]
async fn missing_arguments_take_their_defaults() {
    assert_eq!(
        dispatch("evolved", b"\x81\xa4type\x07").await,
        Ok(Answer::Value(vec![0x93, 7, 0, 9]))
    );
}

#[tokio::test]
async fn a_missing_argument_is_named() {
    assert_eq!(
        dispatch("add", b"\x81\xa1a\x01").await,
        Err(Failure::Arguments("missing argument `b`".to_owned()))
    );
}

#[tokio::test]
async fn an_argument_of_the_wrong_type_is_named() {
    let Err(Failure::Arguments(message)) = dispatch("add", b"\x82\xa1a\x01\xa1b\xa1x").await else {
        panic!("a string is no number");
    };
    assert!(message.starts_with("argument `b`: "), "{message}");
}

#[tokio::test]
async fn a_unit_answer_is_an_explicit_value() {
    assert_eq!(
        dispatch("note", b"\x81\xa4text\xa1x").await,
        Ok(Answer::Value(vec![0xc0]))
    );
}

#[tokio::test]
async fn byte_vectors_travel_as_bin_both_ways() {
    assert_eq!(
        dispatch("reverse", b"\x81\xa5bytes\xc4\x03\x01\x02\x03").await,
        Ok(Answer::Value(vec![0xc4, 3, 3, 2, 1]))
    );
}

#[tokio::test]
async fn an_index_of_no_method_is_unimplemented() {
    let server = CalculatorServer::new(Desk);
    let none = server.descriptor().methods.len();
    assert_eq!(
        server.dispatch(none, vec![0x80].into()).await,
        Err(Failure::Unimplemented)
    );
}
