//! Metrics over a real socket.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is sent");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("the answer is text");
    answer
}

#[tokio::test]
async fn prometheus_gets_the_metrics_and_nothing_else() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let server = MetricsServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), handle)
        .await
        .expect("a free port");
    metrics::with_local_recorder(&recorder, || {
        metrics::counter!("anthill_test_things_total").increment(3);
    });
    let metrics = get(server.address(), "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nanthill_test_things_total 3\n"), "{metrics}");
    let other = get(server.address(), "/secrets").await;
    assert!(other.starts_with("HTTP/1.1 404 Not Found\r\n"), "{other}");
}

#[tokio::test]
async fn a_port_in_use_is_told_in_one_line() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let first = MetricsServer::start(any, recorder.handle())
        .await
        .expect("a free port");
    let second = MetricsServer::start(first.address(), recorder.handle()).await;
    let problem = second.expect_err("the port is taken");
    assert!(
        problem
            .message
            .starts_with("metrics cannot be served at 127.0.0.1:"),
        "{problem}"
    );
}
