macro_rules! make {
    ($name:ident $m:ident $t:ty) => {
        #[kafka_rpc::service]
        trait $name {
            async fn $m(&self, a: $t);
        }
    };
}

make!(A m &str);
make!(B m Vec<Local>);

struct Local;

fn main() {}
