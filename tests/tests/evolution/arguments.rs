//! What changes of a method's arguments do.

use super::*;

mod an_argument_added_with_a_default {
    use super::*;

    version! { old: order(a: u8) -> String { format!("a={a}") } }
    version! { new: order(a: u8, #[serde(default)] b: u8) -> String { format!("a={a} b={b}") } }

    #[tokio::test]
    async fn works_both_ways() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(1).await.unwrap(), "a=1 b=0");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "a=1");
    }
}

mod an_argument_added_without_a_default {
    use super::*;

    version! { old: order(a: u8) -> String { format!("a={a}") } }
    version! { new: order(a: u8, b: u8) -> String { format!("a={a} b={b}") } }

    #[tokio::test]
    async fn has_to_be_sent() {
        let (client, _server) = old_client_new_server!();
        told(
            client.order(1).await,
            Code::InvalidArgument,
            Outcome::NotRun,
            "the arguments of `Shop.order` can't be decoded: missing argument `b`",
        );
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "a=1");
    }
}

mod an_argument_removed {
    use super::*;

    version! {
        old:
        order(a: u8, b: u8) -> String { format!("a={a} b={b}") }
        ask(a: u8, #[serde(default)] b: u8) -> String { format!("a={a} b={b}") }
    }
    version! {
        new:
        order(a: u8) -> String { format!("a={a}") }
        ask(a: u8) -> String { format!("a={a}") }
    }

    #[tokio::test]
    async fn is_ignored_and_missed_only_where_it_had_no_default() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "a=1");
        let (client, _server) = new_client_old_server!();
        told(
            client.order(1).await,
            Code::InvalidArgument,
            Outcome::NotRun,
            "missing argument `b`",
        );
        assert_eq!(client.ask(1).await.unwrap(), "a=1 b=0");
    }
}

mod arguments_reordered {
    use super::*;

    version! { old: order(a: u8, b: String) -> String { format!("a={a} b={b}") } }
    version! { new: order(b: String, a: u8) -> String { format!("a={a} b={b}") } }

    #[tokio::test]
    async fn work_both_ways() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(1, "x".to_owned()).await.unwrap(), "a=1 b=x");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order("x".to_owned(), 1).await.unwrap(), "a=1 b=x");
    }
}

mod an_argument_renamed {
    use super::*;

    version! {
        old:
        order(a: u8) -> u8 { a }
        ask(a: u8) -> u8 { a }
    }
    version! {
        new:
        order(b: u8) -> u8 { b }
        ask(#[serde(rename = "a")] b: u8) -> u8 { b }
    }

    #[tokio::test]
    async fn is_another_one_unless_it_keeps_its_name_on_the_wire() {
        let (client, _server) = old_client_new_server!();
        let missing = "missing argument `b`";
        let ended = client.order(1).await;
        told(ended, Code::InvalidArgument, Outcome::NotRun, missing);
        assert_eq!(client.ask(1).await.unwrap(), 1);
        let (client, _server) = new_client_old_server!();
        let missing = "missing argument `a`";
        let ended = client.order(1).await;
        told(ended, Code::InvalidArgument, Outcome::NotRun, missing);
        assert_eq!(client.ask(1).await.unwrap(), 1);
    }
}

mod an_integer_widened {
    use super::*;

    version! { old: order(a: u8) -> u8 { a } }
    version! { new: order(a: u32) -> u32 { a } }

    #[tokio::test]
    async fn works_for_values_that_both_can_hold() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(255).await.unwrap(), 255);
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(255).await.unwrap(), 255);
        told(
            client.order(256).await,
            Code::InvalidArgument,
            Outcome::NotRun,
            "argument `a`: invalid value: integer `256`, expected u8",
        );
    }
}
