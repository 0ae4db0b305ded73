#[kafka_rpc::service]
mod inner {
    pub(super) fn still_there() {}
}

fn main() {
    inner::still_there();
}
