//! A proxy that misbehaves on command, between a client under test and a real HTTP server.
//!
//! It forwards one request per connection and spoils the answers in the order in which faults were planned; without a
//! plan it forwards faithfully. Why not a mock: the server behind it stays a real one, so what is left of its answer is
//! exactly what such a server sends.
//!
//! It lives on a thread with a small runtime of its own, so it serves plain tests and asynchronous ones alike, and
//! works while the clock of the test's runtime is paused. Dropping it ends the thread and every connection.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is done to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetFault {
    /// Forwarded as it is.
    Pass,
    /// The answer is forwarded up to this many bytes, its head included; then the connection is closed.
    CutAfter(usize),
    /// The answer is forwarded up to this many bytes; then nothing more comes, and the connection stays open.
    HangAfter(usize),
    /// Nothing is ever answered.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// An answer of the proxy itself.
    Answer {
        /// HTTP status.
        status: u16,
        /// Further header lines, such as `Retry-After: 1`.
        headers: Vec<String>,
        /// The body.
        body: String,
    },
    /// Forwarded after a wait.
    Delay(Duration),
}

impl NetFault {
    /// An error answer with this status and no `Retry-After`.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: vec!["Content-Type: application/json".to_owned()],
            body: format!(
                "{{\"error\":{{\"message\":\"a fault of the proxy\",\"type\":\"status_{status}\"}}}}"
            ),
        }
    }

    /// Too many requests, with this `Retry-After`.
    pub fn busy(retry_after: &str) -> Self {
        Self::Answer {
            status: 429,
            headers: vec![format!("Retry-After: {retry_after}")],
            body: "{\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\"}}".to_owned(),
        }
    }

    /// An event stream that is no JSON.
    pub fn malformed_stream() -> Self {
        Self::Answer {
            status: 200,
            headers: vec!["Content-Type: text/event-stream".to_owned()],
            body: "data: {\"choices\": [{\"delta\": {\"content\": \"hal\n\ndata: [DONE]\n\n".to_owned(),
        }
    }
}

/// One request that the proxy has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// The request line, such as `POST /v1/messages HTTP/1.1`.
    pub line: String,
    /// The body.
    pub body: Vec<u8>,
    /// What was done to it.
    pub fault: NetFault,
}

/// A running proxy.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    plan: Mutex<VecDeque<NetFault>>,
    seen: Mutex<Vec<SeenRequest>>,
}

/// A request as it was read.
struct Request {
    line: String,
    /// The head with `Connection: close`, so that one connection carries one request.
    head: Vec<u8>,
    body: Vec<u8>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of the loopback interface.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || runtime.block_on(serve(listener, upstream, of_thread, stopped)))?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as the base of a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds faults for the next requests, one each.
    pub fn plan(&self, faults: impl IntoIterator<Item = NetFault>) {
        lock(&self.shared.plan).extend(faults);
    }

    /// The requests so far, oldest first.
    pub fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = TcpListener::from_std(listener).expect("the listener is not blocking");
    // Dropped at the end, which ends every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, upstream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. Errors end it; the client sees a closed connection, which is what a proxy can say.
async fn connection(mut client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>) {
    let Ok(Some(request)) = read_request(&mut client).await else {
        return;
    };
    let fault = lock(&shared.plan).pop_front().unwrap_or(NetFault::Pass);
    lock(&shared.seen).push(SeenRequest {
        line: request.line.clone(),
        body: request.body.clone(),
        fault: fault.clone(),
    });
    // See above: the connection is closed either way.
    let _ = carry_out(client, upstream, request, fault).await;
}

async fn carry_out(
    mut client: TcpStream,
    upstream: SocketAddr,
    request: Request,
    fault: NetFault,
) -> io::Result<()> {
    let limit = match fault {
        NetFault::Hang => std::future::pending().await,
        NetFault::Close => return Ok(()),
        NetFault::Answer {
            status,
            headers,
            body,
        } => return answer(client, status, &headers, &body).await,
        NetFault::Delay(wait) => {
            tokio::time::sleep(wait).await;
            None
        }
        NetFault::Pass => None,
        NetFault::CutAfter(bytes) | NetFault::HangAfter(bytes) => Some(bytes),
    };
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&request.head).await?;
    server.write_all(&request.body).await?;
    match limit {
        None => {
            tokio::io::copy(&mut server, &mut client).await?;
        }
        Some(bytes) => {
            let mut part = server.take(u64::try_from(bytes).unwrap_or(u64::MAX));
            tokio::io::copy(&mut part, &mut client).await?;
            client.flush().await?;
        }
    }
    if matches!(fault, NetFault::HangAfter(_)) {
        std::future::pending::<()>().await;
    }
    client.shutdown().await
}

async fn answer(mut client: TcpStream, status: u16, headers: &[String], body: &str) -> io::Result<()> {
    let mut head = vec![
        format!("HTTP/1.1 {status} Fault"),
        format!("Content-Length: {}", body.len()),
        "Connection: close".to_owned(),
    ];
    head.extend_from_slice(headers);
    let text = format!("{}\r\n\r\n{body}", head.join("\r\n"));
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}

/// Reads a request whose body has a `Content-Length`; nothing where the client hangs up before.
async fn read_request(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > HEAD_BYTES_MAX || client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut body = bytes.split_off(head_end);
    let length = content_length(&head).min(BODY_BYTES_MAX);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Request {
        line: head.lines().next().unwrap_or_default().to_owned(),
        head: closing(&head).into_bytes(),
        body,
    }))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

fn closing(head: &str) -> String {
    let mut out = String::with_capacity(head.len() + 20);
    for line in head.lines().filter(|line| !line.is_empty()) {
        if !line.to_ascii_lowercase().starts_with("connection:") {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("Connection: close\r\n\r\n");
    out
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
