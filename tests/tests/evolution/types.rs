//! What changes of the types that arguments and answers are made of do.

use super::*;

mod an_enum_variant_added {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum Two {
        Red,
        Green,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum One {
        Red,
    }

    version! {
        old:
        paint(colour: One) -> String { format!("{colour:?}") }
        colour(second: bool) -> One { let _ = second; One::Red }
        refuse(second: bool) -> Result<u8, One> { let _ = second; Err(One::Red) }
    }
    version! {
        new:
        paint(colour: Two) -> String { format!("{colour:?}") }
        colour(second: bool) -> Two { if second { Two::Green } else { Two::Red } }
        refuse(second: bool) -> Result<u8, Two> { Err(if second { Two::Green } else { Two::Red }) }
    }

    #[tokio::test]
    async fn in_an_argument_is_refused_by_an_old_server() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.paint(One::Red).await.unwrap(), "Red");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.paint(Two::Red).await.unwrap(), "Red");
        told(
            client.paint(Two::Green).await,
            Code::InvalidArgument,
            Outcome::NotRun,
            "argument `colour`: unknown variant `Green`, expected `Red`",
        );
    }

    #[tokio::test]
    async fn in_an_answer_or_error_is_a_bad_reply_to_an_old_client() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.colour(false).await.unwrap(), One::Red);
        let unknown = "unknown variant `Green`, expected `Red`";
        let ended = client.colour(true).await;
        told(ended, Code::BadReply, Outcome::Ran, unknown);
        let ended = client.refuse(false).await;
        assert!(matches!(ended, Err(CallError::App(One::Red))), "{ended:?}");
        let ended = client.refuse(true).await.map_err(framework);
        told(ended, Code::BadReply, Outcome::Ran, unknown);
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.colour(true).await.unwrap(), Two::Red);
    }
}

mod a_struct_field_added {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct One {
        a: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Two {
        a: u8,
        b: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Lenient {
        a: u8,
        #[serde(default)]
        b: u8,
    }

    version! {
        old:
        order(it: One) -> One { it }
        ask(it: One) -> One { it }
        last() -> One { One { a: 1 } }
    }
    version! {
        new:
        order(it: Lenient) -> Lenient { it }
        ask(it: Two) -> Two { it }
        last() -> Two { Two { a: 1, b: 2 } }
    }

    #[tokio::test]
    async fn works_both_ways_with_a_default() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(One { a: 1 }).await.unwrap(), One { a: 1 });
        let (client, _server) = new_client_old_server!();
        let sent = Lenient { a: 1, b: 2 };
        assert_eq!(client.order(sent).await.unwrap(), Lenient { a: 1, b: 0 });
    }

    #[tokio::test]
    async fn without_a_default_has_to_be_there() {
        let (client, _server) = old_client_new_server!();
        told(
            client.ask(One { a: 1 }).await,
            Code::InvalidArgument,
            Outcome::NotRun,
            "argument `it`: missing field `b`",
        );
        assert_eq!(client.last().await.unwrap(), One { a: 1 });
        let (client, _server) = new_client_old_server!();
        let ended = client.last().await;
        told(ended, Code::BadReply, Outcome::Ran, "missing field `b`");
    }
}
