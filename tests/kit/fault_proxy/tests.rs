//! The proxy spoils answers exactly as planned.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::{FaultProxy, NetFault};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world";

/// A server that answers each of `count` requests with [`ANSWER`].
fn upstream(count: usize) -> (std::net::SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let thread = std::thread::Builder::new()
        .spawn(move || {
            for _ in 0..count {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).expect("a request");
                assert!(
                    bytes[..read].starts_with(b"POST /x HTTP/1.1"),
                    "forwarded as it was sent"
                );
                // The proxy may have hung up on purpose.
                let _ = stream.write_all(ANSWER.as_bytes());
            }
        })
        .expect("a thread");
    (address, thread)
}

fn ask(proxy: &FaultProxy) -> (String, bool) {
    let mut stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("a timeout");
    stream
        .write_all(b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}")
        .expect("sent");
    let mut bytes = Vec::new();
    let closed = stream.read_to_end(&mut bytes).is_ok();
    (String::from_utf8_lossy(&bytes).into_owned(), closed)
}

#[test]
fn faults_come_in_the_planned_order_and_then_none() {
    let (address, server) = upstream(3);
    let proxy = FaultProxy::start(address).expect("started");
    proxy.plan([
        NetFault::busy("7"),
        NetFault::CutAfter(ANSWER.len() - 4),
        NetFault::Close,
        NetFault::HangAfter(20),
        NetFault::Hang,
    ]);

    let (busy, _) = ask(&proxy);
    assert!(
        busy.starts_with("HTTP/1.1 429") && busy.contains("Retry-After: 7\r\n"),
        "{busy}"
    );
    assert_eq!(ask(&proxy), (ANSWER[..ANSWER.len() - 4].to_owned(), true));
    assert_eq!(ask(&proxy), (String::new(), true));
    assert_eq!(ask(&proxy), (ANSWER[..20].to_owned(), false));
    assert_eq!(ask(&proxy), (String::new(), false));
    assert_eq!(ask(&proxy), (ANSWER.to_owned(), true));

    server.join().expect("the server saw what it expected");
    let seen = proxy.seen();
    assert_eq!(seen.len(), 6);
    assert_eq!(seen[5].fault, NetFault::Pass);
    assert_eq!(seen[0].line, "POST /x HTTP/1.1");
    assert_eq!(seen[0].body, b"{}");
}
