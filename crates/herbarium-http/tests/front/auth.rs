//! Who may do what.

use axum::Router;
use axum::routing::{get, post};
use herbarium_health::{DrainPlan, Shutdown};
use herbarium_http::{
    Authentication, Authenticator, Client, Error, Front, Listener, Principal, Scope, Scopes, Token,
    Tokens, challenge, require,
};
use http::request::Parts;

use crate::client::{Server, runtime};

fn scoped() -> Router {
    Router::new()
        .route(
            "/read",
            get(async |who: Principal| who.name().to_owned()).layer(require(Scope::Read)),
        )
        .route("/write", post(async || "done").layer(require(Scope::Write)))
        .route("/open", get(async || "open"))
}

fn server() -> (Server, Token, Token) {
    let [reader, writer] = [(); 2].map(|()| Token::make().expect("randomness"));
    let list = format!("# who\nann read {}\n\nbob read,write {}\n", reader.hash(), writer.hash());
    let tokens: Tokens = list.parse().expect("a list");
    (Server::new(|front| front.authenticator(tokens), scoped()), reader, writer)
}

fn bearer(token: &Token) -> String {
    format!("authorization: Bearer {}\r\n", token.reveal())
}

#[test]
fn nobody_gets_in_without_a_token() {
    let (server, ..) = server();
    let reply = server.get("/open", "");
    reply.is_problem(401, "unauthorized");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    for wrong in ["Bearer ", "Bearer guessed", "Basic YTpi", "Bearer", "", "hbt_"] {
        server.get("/open", &format!("authorization: {wrong}\r\n")).is_problem(401, "unauthorized");
    }
    // Not even to learn what is there.
    server.get("/nowhere", "").is_problem(401, "unauthorized");
}

#[test]
fn a_token_has_scopes() {
    let (server, reader, writer) = server();
    assert_eq!(server.get("/read", &bearer(&reader)).text(), "ann");
    assert_eq!(server.get("/read", &bearer(&writer)).text(), "bob");
    assert_eq!(server.post("/write", &bearer(&writer), b"").text(), "done");
    let problem = server.post("/write", &bearer(&reader), b"").is_problem(403, "forbidden");
    assert_eq!(problem["expected"], "scope `write`");
    assert_eq!(problem["found"], "`read`");
    let lower = bearer(&reader).replace("Bearer", "bEARER");
    assert_eq!(server.get("/read", &lower).status, 200);
    let twice = bearer(&reader) + &bearer(&writer);
    server.get("/read", &twice).is_problem(401, "unauthorized");
}

#[test]
fn a_list_can_be_exchanged() {
    let (first, second) = (Token::make().expect("one"), Token::make().expect("one"));
    let tokens = Tokens::new().with("a", Scopes::READ, first.hash()).expect("a list");
    let kept = tokens.clone();
    let server = Server::new(|front| front.authenticator(tokens), scoped());
    assert_eq!(server.get("/open", &bearer(&first)).status, 200);
    kept.replace(&Tokens::new().with("b", Scopes::READ, second.hash()).expect("a list"));
    assert_eq!(server.get("/open", &bearer(&first)).status, 401);
    assert_eq!(server.get("/open", &bearer(&second)).status, 200);
}

#[test]
fn a_list_that_cannot_be_used_says_where_and_shows_no_secret() {
    let hash = Token::make().expect("one").hash().to_string();
    for (list, says) in [
        ("a read hbt_secret".to_owned(), "line 1"),
        (format!("\na all {hash}"), "line 2"),
        (format!("a {hash}"), "line 1"),
        (format!("a/b read {hash}"), "line 1"),
        (format!("a read {hash}\nb read {hash}"), "line 2"),
    ] {
        let error = list.parse::<Tokens>().expect_err(&list);
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

/// Looks the name up somewhere else, which takes time.
struct Elsewhere;

impl Authenticator for Elsewhere {
    fn authenticate(&self, request: &Parts, _: &Client) -> Authentication {
        let name = request.headers.get("x-name").and_then(|it| it.to_str().ok()).map(str::to_owned);
        Authentication::Later(Box::pin(async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            match name.as_deref() {
                Some("panic") => panic!("as the test wants"),
                Some(name) => Ok(Principal::new(name, Scopes::READ)),
                None => Err(challenge("no name")),
            }
        }))
    }
}

#[test]
fn other_schemes_may_take_their_time() {
    let server = Server::new(|front| front.authenticator(Elsewhere), scoped());
    assert_eq!(server.get("/read", "x-name: eve\r\n").text(), "eve");
    server.get("/read", "").is_problem(401, "unauthorized");
    server.post("/write", "x-name: eve\r\n", b"x").is_problem(403, "forbidden");
    server.get("/read", "x-name: panic\r\n").is_problem(500, "internal");
}

#[test]
fn an_address_for_others_needs_an_authenticator() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let listen = || Listener::tcp(([0, 0, 0, 0], 0).into()).expect("a free port");
    let front = || Front::new(Shutdown::new(DrainPlan::immediate()));
    let refused = front().serve(listen(), scoped()).err().expect("an error");
    assert!(matches!(refused, Error::Public { .. }));
    assert!(refused.to_string().contains("no authenticator"), "{refused}");
    assert!(front().authenticator(Tokens::new()).serve(listen(), scoped()).is_ok());
    assert!(front().allow_public(true).serve(listen(), scoped()).is_ok());
}
