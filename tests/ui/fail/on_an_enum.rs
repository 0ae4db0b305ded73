#[kafka_rpc::service]
enum E {
    A,
}

fn main() {
    let _ = E::A;
}
