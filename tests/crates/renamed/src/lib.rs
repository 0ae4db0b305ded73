//! A service in a crate that knows kafka-rpc by another name, and depends on nothing else.

pub use rpc;

/// A service.
#[rpc::service]
pub trait Renamed {
    /// A method.
    #[rpc(key = account)]
    async fn deposit(&self, account: String, cents: u64) -> Result<u64, String>;
}

pub mod reexported {
    //! The same by way of a crate that exports kafka-rpc again.

    /// Stands for such a crate.
    pub mod framework {
        pub use rpc as inner;
    }

    /// A service.
    #[framework::inner::service(crate = "crate::reexported::framework::inner")]
    pub trait Reexported {
        /// A method.
        async fn m(&self);
    }
}

#[cfg(test)]
mod tests {
    use rpc::ServiceClient;

    use super::*;

    #[test]
    fn both_name_their_services_alike() {
        assert_eq!(RenamedClient::DESCRIPTOR.name, "Renamed");
        assert_eq!(reexported::ReexportedClient::DESCRIPTOR.name, "Reexported");
    }
}
