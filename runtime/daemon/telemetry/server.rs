//! `GET /metrics` for Prometheus, and nothing else.
//!
//! The exporter's own listener was tried: it does not tell which port it got, and a slow client keeps its connection
//! for ever. Here at most [`CONNECTIONS_MAX`] connections live, each with a time limit, and they end with the server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time;

/// Most connections at once; further ones are closed at once.
const CONNECTIONS_MAX: usize = 16;

/// Longest life of a connection: Prometheus opens a new one where it needs to.
const CONNECTION_TIME_MAX: Duration = Duration::from_mins(2);

/// How often measured times are sorted into their buckets while nobody asks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The running server; ends when it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl MetricsServer {
    /// Binds the address and serves what the handle renders.
    pub async fn start(address: SocketAddr, handle: PrometheusHandle) -> Result<Self, Problem> {
        let refused = |error: std::io::Error| {
            Problem::new(
                &codes::SPEC_VALUE,
                format!("metrics cannot be served at {address}: {error}"),
            )
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, handle));
        Ok(Self {
            address,
            _serving: serving,
        })
    }

    /// Where metrics are served; the port that was got where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, handle: PrometheusHandle) {
    let mut connections = JoinSet::new();
    let mut upkeep = time::interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(answer(stream, handle.clone()));
                }
                Ok(_) => tracing::warn!("a metrics connection was refused, too many are open"),
                Err(error) => {
                    tracing::warn!(%error, "a metrics connection failed");
                    // Out of file descriptors, for example: the next try would fail as fast.
                    time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = upkeep.tick() => handle.run_upkeep(),
        }
    }
}

async fn answer(stream: TcpStream, handle: PrometheusHandle) {
    let service = service_fn(move |request| {
        let response = respond(&request, &handle);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    match time::timeout(CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a metrics connection broke"),
    }
}

fn respond(request: &Request<Incoming>, handle: &PrometheusHandle) -> Response<Full<Bytes>> {
    let found = request.uri().path() == "/metrics";
    let (status, body) = match (found, request.method()) {
        (false, _) => (StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned()),
        (true, &Method::GET) => (StatusCode::OK, handle.render()),
        (true, _) => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
