/// Arithmetic over Kafka.
#[kafka_rpc::service]
pub trait Calculator {
    /// Adds two numbers.
    async fn add(&self, a: i64, b: i64) -> i64;

    /// Divides one by the other.
    #[rpc(timeout = "250ms", idempotent)]
    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError>;
}
