//! Spans, as a collector gets them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use herbarium_health::logs::Logs;
use herbarium_health::otlp::Otlp;
use herbarium_health::{DrainPlan, Error, RequestContext, Shutdown};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// A collector: hands on what it is sent.
async fn collector() -> (SocketAddr, Receiver<ExportTraceServiceRequest>) {
    let (sender, receiver) = channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let collect = service_fn(move |request| collect(request, sender.clone()));
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), collect));
        }
    });
    (addr, receiver)
}

async fn collect(
    request: Request<Incoming>,
    sender: Sender<ExportTraceServiceRequest>,
) -> Result<Response<String>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let mut body = std::pin::pin!(request.into_body());
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.expect("a frame").into_data() {
            all.extend_from_slice(&data);
        }
    }
    let spans = ExportTraceServiceRequest::decode(&*all).expect("spans in protobuf");
    sender.send(spans).expect("a test that listens");
    Ok(Response::new(String::new()))
}

fn spans(receiver: &Receiver<ExportTraceServiceRequest>) -> Vec<Span> {
    let request = receiver.recv_timeout(Duration::from_secs(20)).expect("an export");
    let resources = request.resource_spans;
    let resource = resources[0].resource.as_ref().expect("a resource");
    let names: Vec<_> = resource.attributes.iter().map(|it| it.key.as_str()).collect();
    assert!(names.contains(&"service.name") && names.contains(&"service.version"), "{names:?}");
    resources.into_iter().flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
}

/// One test, for there is one subscriber in a process.
#[tokio::test(flavor = "multi_thread")]
async fn spans_arrive_in_the_clients_trace_when_the_service_ends() {
    let (addr, receiver) = collector().await;
    let otlp = Otlp::to(&format!("http://{addr}/v1/traces"), "tested", "1.0.0").expect("a client");
    let _logs = Logs::new().spans(otlp.clone()).install().expect("no other subscriber");
    let shutdown = Shutdown::new(DrainPlan::immediate());
    otlp.flush_with(&shutdown);

    let mut headers = HeaderMap::new();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    headers.insert("traceparent", parent.parse().expect("a header"));
    let mut joined = RequestContext::from_headers(&headers);
    joined.span("GET", "/v1/trees/{key}").in_scope(|| tracing::info!("found"));
    let mut alone = RequestContext::from_headers(&HeaderMap::new());
    drop(alone.span("GET", "/v1/languages"));

    shutdown.begin("the test");
    let drained = shutdown.run().await;
    assert_eq!(drained.flushed[0].error, None);
    let mut spans = spans(&receiver);
    spans.sort_by_key(|span| span.parent_span_id.is_empty());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let [first, second] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(hex(&first.trace_id), trace);
    assert_eq!(hex(&first.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(hex(&first.span_id), format!("{:016x}", joined.trace.span_id));
    assert_eq!(first.events[0].name, "found");
    assert!(second.parent_span_id.is_empty(), "the root of a trace has no parent");
    assert_eq!(hex(&second.trace_id), format!("{:032x}", alone.trace.trace_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_named_and_holds_up_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    // Accepts, by the system's hand, and never answers.
    let otlp = Otlp::to(&format!("http://{addr}/v1/traces"), "tested", "1.0.0").expect("a client");
    let shutdown = Shutdown::new(DrainPlan::immediate().with_flush(Duration::from_millis(300)));
    otlp.flush_with(&shutdown);
    shutdown.begin("the test");
    assert!(shutdown.run().await.took < Duration::from_secs(5));
}

#[test]
fn addresses_that_are_none_are_errors() {
    for address in ["", "https://x/v1/traces", "http://[x", "file:///x"] {
        let refused = Otlp::to(address, "tested", "1.0.0");
        assert!(matches!(refused, Err(Error::Otlp { .. })), "{address}");
    }
}
