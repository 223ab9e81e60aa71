//! A real server behind a line that breaks: cut streams, 429 with and without `Retry-After`, answers that are none. What
//! passes is asked again; what does not pass pauses the job; either way each step is paid for and recorded once.

use anthill_kit::cli::Workplace;
use anthill_kit::fault_proxy::{FaultProxy, NetFault};

use super::account::Account;
use super::jobs::check_greeting;
use super::servers::{Server, llama};
use super::{Way, resume, write_greeting};

/// Enough of an answer of llama.cpp that its text has begun, and not all of it.
const HALF_BYTES: usize = 900;

fn proxy(server: &Server) -> FaultProxy {
    let address = server
        .url
        .trim_start_matches("http://")
        .parse()
        .expect("host and port");
    FaultProxy::start(address).expect("a free port")
}

/// The job over two documents, on the other side of a proxy.
fn place(proxied: Way, more: &str) -> Workplace {
    let place = proxied.place(more);
    write_greeting(&place);
    place
}

/// Requests that reached the server and were answered in full.
fn answered(proxy: &FaultProxy) -> usize {
    proxy
        .seen()
        .iter()
        .filter(|request| request.fault == NetFault::Pass)
        .count()
}

#[test]
fn faults_that_pass_leave_no_trace_in_the_journal() {
    let Some(llama) = llama() else { return };
    let direct = Way::llama(llama, "openai");
    let (proxy, spoilt) = (proxy(llama), proxy(llama));
    let quiet = place(
        Way {
            url: &proxy.url(),
            ..direct
        },
        "",
    );
    let undisturbed = direct.run(&quiet, "job.toml", &["--json"]);
    assert_eq!(undisturbed.exit(), Some(3), "{}", undisturbed.stderr());
    let undisturbed = Account::of(&quiet, &undisturbed);

    let faults = [
        NetFault::CutAfter(HALF_BYTES),
        NetFault::busy("1"),
        NetFault::status(429),
        NetFault::malformed_stream(),
        NetFault::status(500),
        NetFault::Close,
        NetFault::HangAfter(HALF_BYTES),
    ];
    spoilt.plan(faults.clone());
    let noisy = place(
        Way {
            url: &spoilt.url(),
            ..direct
        },
        "retries_max = 8\nidle_timeout = \"2s\"\n",
    );
    let disturbed = direct.run(&noisy, "job.toml", &["--json"]);
    assert_eq!(disturbed.exit(), Some(3), "{}", disturbed.stderr());
    let disturbed = Account::of(&noisy, &disturbed);
    check_greeting(&noisy, &disturbed);

    assert_eq!(spoilt.seen().len(), faults.len() + disturbed.steps.len());
    assert_eq!(
        (answered(&proxy), answered(&spoilt)),
        (undisturbed.steps.len(), disturbed.steps.len())
    );
    let costs = |account: &Account| {
        account
            .steps
            .iter()
            .map(|step| (step.seq, step.cost))
            .collect::<Vec<_>>()
    };
    assert_eq!(costs(&disturbed), costs(&undisturbed), "a failed try is no step");
    let elapsed = disturbed.summary["elapsed_ms"].as_u64().expect("a number");
    assert!(
        elapsed >= 1_000,
        "the server asked for a second and got {elapsed} ms"
    );
}

#[test]
fn a_line_that_stays_cut_pauses_the_job_and_nothing_is_asked_twice() {
    let Some(llama) = llama() else { return };
    for kind in ["openai", "anthropic"] {
        let proxy = proxy(llama);
        let way = Way {
            url: &proxy.url(),
            ..Way::llama(llama, kind)
        };
        let place = place(way, "retries_max = 2\n");
        proxy.plan([
            NetFault::Pass,
            NetFault::CutAfter(HALF_BYTES),
            NetFault::Close,
            NetFault::CutAfter(HALF_BYTES),
        ]);
        let stopped = way.run(&place, "job.toml", &["--json"]);
        assert_eq!(stopped.exit(), Some(5), "{}", stopped.stderr());
        assert!(stopped.stderr().contains("\"AH0305\""), "{}", stopped.stderr());
        let part = Account::of(&place, &stopped);
        assert_eq!((&part.summary["status"], part.steps.len()), (&"paused".into(), 1));
        assert_eq!(proxy.seen().len(), 4);

        let resumed = resume(&place, &["--json"]);
        let end = Account::of(&place, &resumed);
        if kind == "openai" {
            check_greeting(&place, &end);
        } else {
            assert_eq!(end.summary["reason"], "contract_violation");
        }
        assert_eq!(
            answered(&proxy),
            end.steps.len(),
            "each answer was asked for once"
        );
    }
}

#[test]
fn answers_that_are_none_pause_the_job() {
    let Some(llama) = llama() else { return };
    let proxy = proxy(llama);
    let way = Way {
        url: &proxy.url(),
        ..Way::llama(llama, "openai")
    };
    let place = place(way, "retries_max = 1\n");
    let page = NetFault::Answer {
        status: 200,
        headers: vec!["Content-Type: text/html".to_owned()],
        body: "<p>Welcome to the wrong port.</p>".to_owned(),
    };
    proxy.plan([NetFault::malformed_stream(), page]);
    way.run(&place, "job.toml", &[]).refused(5, "AH0306");
    let resumed = resume(&place, &["--json"]);
    assert_eq!(resumed.exit(), Some(3), "{}", resumed.stderr());
    check_greeting(&place, &Account::of(&place, &resumed));
}
