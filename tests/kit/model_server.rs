//! A stand-in for a model's server, for tests of the real binary: a closure says which bytes answer each request.
//!
//! ```no_run
//! use anthill_kit::cli::Workplace;
//! use anthill_kit::model_server::{ModelServer, Protocol, Response};
//!
//! let server = ModelServer::start(|call| match call.number() {
//!     1 => Response::status(503, "text/plain", "not now"),
//!     _ => call.says(call.honest().to_string()),
//! });
//! let place = Workplace::new("anthill");
//! server.configure(&place, Protocol::Openai, "");
//! place.run(["--config", "anthill.toml", "run", "job.toml", "--model", "fake/m"]).ok();
//! assert_eq!(server.calls().len(), 2);
//! ```
//!
//! [`Call`] is a request as the server sees it, with what an honest model would say to it; [`Response`] is a whole HTTP
//! response, down to its bytes. [`ModelServer::configure`] writes a configuration whose provider `fake` is this server,
//! with short waits between tries and prices of 1 and 10 dollars for a million tokens in and out.
//!
//! Why not a mock of the client: what is tested is what bytes on a socket do to the program. Why not a library for HTTP:
//! half of the tests need responses that no library would write.

mod call;
mod response;

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::cli::Workplace;

pub use call::{Call, Protocol};
pub use response::{DONE, Response, ToolAsk, USAGE_IN, USAGE_OUT, chunk, events, named_events};

/// Longest wait for a request that a client has begun.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

type Answer = dyn Fn(&Call) -> Response + Send + Sync;

/// A running server on a free port of the loopback interface. Dropping it ends it.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<Answer>,
    calls: Mutex<Vec<Call>>,
    stopped: AtomicBool,
}

impl ModelServer {
    /// Starts a server; the closure answers each request, also several at the same time.
    #[track_caller]
    pub fn start(answer: impl Fn(&Call) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            calls: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("model-server".to_owned())
            .spawn(move || accept(&listener, &of_thread))
            .expect("a thread can be started");
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Starts a server that answers every request as an honest model would.
    #[track_caller]
    pub fn honest() -> Self {
        Self::start(|call| call.says(call.honest().to_string()))
    }

    /// Its address as the base of a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// A configuration whose provider `fake` is this server.
    ///
    /// `more` is added to the table `[models.providers.fake]`; further tables may follow in it.
    pub fn config(&self, protocol: Protocol, more: &str) -> String {
        let (kind, base) = match protocol {
            Protocol::Openai => ("openai", format!("{}/v1", self.url())),
            Protocol::Anthropic => ("anthropic", self.url()),
        };
        config_at(kind, &base, more)
    }

    /// Writes that configuration as `anthill.toml`; the program reads it with `--config anthill.toml`.
    pub fn configure(&self, place: &Workplace, protocol: Protocol, more: &str) {
        place.write("anthill.toml", self.config(protocol, more));
    }
}

/// A configuration whose provider `fake` is at any URL; see [`ModelServer::config`].
pub fn config_at(kind: &str, base_url: &str, more: &str) -> String {
    format!(
        "[models.prices]\n\"fake/*\" = {{ usd_per_million_in = 1.0, usd_per_million_out = 10.0 }}\n\n\
         [models.providers.fake]\nkind = \"{kind}\"\nbase_url = \"{base_url}\"\n\
         retry_wait_first = \"10ms\"\nretry_wait_max = \"50ms\"\n{more}"
    )
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; where that fails it has ended already.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // A panic of the closure ends its connection; the test sees what the program makes of that.
        let serving = std::thread::Builder::new().name("model-server".to_owned());
        // Without a thread the connection is closed, which the test sees as well.
        if let Ok(thread) = serving.spawn(move || serve(&client, &shared)) {
            threads.push(thread);
        }
        threads.retain(|thread| !thread.is_finished());
    }
}

/// One connection carries one request. A client that goes away is what some tests want, so errors end it quietly.
fn serve(client: &TcpStream, shared: &Shared) {
    let Ok(Some(mut call)) = read(client) else { return };
    {
        let mut calls = lock(&shared.calls);
        call.set_number(calls.len() + 1);
        calls.push(call.clone());
    }
    let response = (shared.answer)(&call);
    let _ = response.write(client);
    let _ = client.shutdown(std::net::Shutdown::Write);
    // What the client still sends is read, so that the end of the answer is no reset.
    let _ = io::copy(&mut client.take(1024), &mut io::sink());
}

fn read(client: &TcpStream) -> io::Result<Option<Call>> {
    client.set_read_timeout(Some(READ_TIME_MAX))?;
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let length: usize = header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    if header("expect").is_some() {
        (&mut &*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; length.min(BODY_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Some(Call::new(target, headers, body)))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
