//! Calls with one key run in order; errors keep their types; a call made inside a handler ends
//! with that handler's own deadline.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kafka_rpc::{CallError, Client, Code, Server, TopicSettings};
use kafka_rpc_examples::cluster;
use serde::{Deserialize, Serialize};

/// Keeps accounts.
#[kafka_rpc::service]
pub trait Bank {
    /// Puts money into an account. All calls for one account run one after another.
    #[rpc(key = account)]
    async fn deposit(&self, account: String, cents: u64) -> u64;

    /// Takes money from an account.
    #[rpc(key = account)]
    async fn withdraw(&self, account: String, cents: u64) -> Result<u64, BankError>;

    /// Looks into the vault, which takes a minute.
    async fn audit(&self) -> u64;
}

/// Why the bank refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BankError {
    /// There is less in the account.
    Insufficient {
        /// What is in the account.
        balance: u64,
    },
}

/// Serves customers by calling the bank.
#[kafka_rpc::service]
pub trait Teller {
    /// Moves money from one account to another.
    async fn transfer(&self, from: String, to: String, cents: u64) -> Result<(), BankError>;

    /// Asks for an audit, and says how it ended.
    #[rpc(timeout = "500ms")]
    async fn ask_for_audit(&self) -> String;
}

#[derive(Default)]
struct Vault(Mutex<HashMap<String, u64>>);

impl Bank for Vault {
    async fn deposit(&self, account: String, cents: u64) -> u64 {
        // Reading, waiting and writing would lose money if two deposits overlapped: the key makes
        // sure that they don't.
        let balance = self.balance(&account);
        tokio::task::yield_now().await;
        self.set(account, balance + cents)
    }

    async fn withdraw(&self, account: String, cents: u64) -> Result<u64, BankError> {
        let balance = self.balance(&account);
        match balance.checked_sub(cents) {
            Some(rest) => Ok(self.set(account, rest)),
            None => Err(BankError::Insufficient { balance }),
        }
    }

    async fn audit(&self) -> u64 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        0
    }
}

impl Vault {
    fn balance(&self, account: &str) -> u64 {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(account).copied().unwrap_or_default()
    }

    fn set(&self, account: String, balance: u64) -> u64 {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account, balance);
        balance
    }
}

struct Window {
    bank: BankClient,
}

impl Teller for Window {
    async fn transfer(&self, from: String, to: String, cents: u64) -> Result<(), BankError> {
        match self.bank.withdraw(from, cents).await {
            Ok(_) => {}
            Err(CallError::App(refusal)) => return Err(refusal),
            // The framework's own failures have no place in this method's error: the caller hears
            // of an internal error, and this text stays in the server's log.
            Err(CallError::Rpc(error)) => panic!("can't withdraw: {error}"),
        }
        let deposited = self.bank.deposit(to, cents).await;
        deposited.expect("the bank takes deposits");
        Ok(())
    }

    async fn ask_for_audit(&self) -> String {
        // The bank's own default is 10 s, but this call has only what is left of ours.
        match self.bank.audit().await {
            Ok(sum) => format!("the vault holds {sum}"),
            Err(error) => error.code().to_string(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster()?;
    let topics = TopicSettings::default();
    let bank_server = Server::builder(&cluster)
        .create_topics(topics.clone())
        .service(BankServer::new(Vault::default()))
        .start()
        .await?;
    let client = Client::connect(&cluster).await?;
    let bank: BankClient = client.attach().await?;
    let teller_server = Server::builder(&cluster)
        .create_topics(topics)
        .service(TellerServer::new(Window { bank: bank.clone() }))
        .start()
        .await?;
    let teller: TellerClient = client.attach().await?;

    // One task per deposit, all at the same time and on one account.
    let deposits: Vec<_> = (0..100)
        .map(|_| tokio::spawn(bank.deposit("alice".to_owned(), 10)))
        .collect();
    for deposit in deposits {
        deposit.await??;
    }
    let balance = bank.deposit("alice".to_owned(), 0).await?;
    println!("alice has {balance} cents after 100 concurrent deposits of 10");
    assert_eq!(balance, 1000);

    teller
        .transfer("alice".to_owned(), "bob".to_owned(), 300)
        .await?;
    println!("300 cents went from alice to bob");

    let refused = teller
        .transfer("bob".to_owned(), "alice".to_owned(), 5000)
        .await;
    println!("bob can't send 5000: {refused:?}");
    assert!(matches!(
        refused,
        Err(CallError::App(BankError::Insufficient { balance: 300 }))
    ));

    let audit = teller.ask_for_audit().await;
    println!("the audit, with half a second to spend: {audit:?}");
    // Whoever's deadline rings first, nobody waited for the minute.
    match audit {
        Ok(text) => assert_eq!(text, Code::DeadlineExceeded.name()),
        Err(error) => assert_eq!(error.code(), Code::DeadlineExceeded),
    }

    teller_server.shutdown().await?;
    bank_server.shutdown().await?;
    Ok(())
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Insufficient { balance } = self;
        write!(f, "only {balance} cents are in the account")
    }
}

impl std::error::Error for BankError {}
