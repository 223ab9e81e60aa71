//! Logs on the standard error stream and metrics over HTTP.
//!
//! The log goes through the same place as the bars of a terminal, so that a line never lands in the middle of one.
//! Metrics are off until an address is given; then this process has a recorder, and [`server`] answers Prometheus.

mod server;

use std::io::{self, Write};
use std::net::SocketAddr;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use indicatif::MultiProgress;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogFormat, TelemetryConfig};
pub use crate::telemetry::server::MetricsServer;

/// Bounds of the buckets of every time, in seconds: from a commit to a slow model.
const SECONDS_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0,
];

/// Bounds of the buckets of every size, in bytes.
const BYTES_BUCKETS: [f64; 8] = [
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    16_777_216.0,
];

/// Bounds of the buckets of every other count.
const COUNT_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0, 4096.0];

/// Begins to log; `bars` is where a terminal's bars are drawn.
pub fn start_log(config: &TelemetryConfig, bars: &MultiProgress) -> Result<(), Problem> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        let message = format!("`{}` is no filter for the log: {error}", config.log);
        Problem::new(&codes::SPEC_VALUE, message)
    })?;
    let bars = bars.clone();
    let coloured = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(coloured && config.log_format == LogFormat::Text)
        .with_span_events(FmtSpan::NONE)
        .with_writer(move || Sink(bars.clone()));
    let started = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Problem::new(&codes::DEFECT, error))
}

/// The error stream, with the bars out of the way.
struct Sink(MultiProgress);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.suspend(|| io::stderr().lock().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Installs the recorder and begins to serve it. Called within the runtime, at most once in a process.
pub async fn serve_metrics(address: SocketAddr) -> Result<MetricsServer, Problem> {
    let defect = |error: &dyn std::fmt::Display| Problem::new(&codes::DEFECT, error);
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES_BUCKETS)
        })
        .and_then(|builder| builder.set_buckets(&COUNT_BUCKETS))
        .map_err(|error| defect(&error))?
        .build_recorder();
    let handle = recorder.handle();
    let server = MetricsServer::start(address, handle).await?;
    metrics::set_global_recorder(recorder).map_err(|error| defect(&error))?;
    describe();
    Ok(server)
}

/// Says what each metric means.
fn describe() {
    anthill_store::metrics::describe();
    anthill_models::metrics::describe();
    anthill_tools::metrics::describe();
    anthill_actors::metrics::describe();
    anthill_supervisors::metrics::describe();
}

#[cfg(test)]
mod tests;
