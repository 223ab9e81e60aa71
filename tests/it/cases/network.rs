//! Proxies and private authorities.

use anthill_kit::model_server::{ModelServer, config_at};

use super::Case;

/// A base URL whose host only a proxy knows.
const FAR: &str = "http://model.invalid/v1";

/// A job on a server behind a proxy, which the stand-in is; `more` is added to the provider.
fn far(more: &str) -> Case {
    let case = Case::of_readers(ModelServer::honest());
    case.place.write("anthill.toml", config_at("openai", FAR, more));
    case
}

#[track_caller]
fn check_through_proxy(case: &Case) {
    case.run().ok();
    assert_eq!(case.claims(), 2);
    let calls = case.server.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.target() == "http://model.invalid/v1/chat/completions")
    );
}

#[test]
fn the_proxy_of_the_environment_is_used_in_every_spelling() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let case = far("");
        let url = case.server.url();
        check_through_proxy(&case.with_variable(variable, &url));
    }
    let case = far("");
    let address = case.server.url().replace("http://", "");
    check_through_proxy(
        &case
            .with_variable("HTTP_PROXY", "")
            .with_variable("ALL_PROXY", &address),
    );
}

#[test]
fn a_proxys_name_and_password_reach_it_and_nobody_else() {
    let case = far("");
    let url = case.server.url().replace("http://", "http://me:hush-hush@");
    let case = case.with_variable("HTTP_PROXY", &url);
    check_through_proxy(&case);
    let sent = case.server.calls();
    assert!(
        sent[0]
            .header("proxy-authorization")
            .is_some_and(|value| value.starts_with("Basic "))
    );
    let doctor = case
        .place
        .run(["--config", "anthill.toml", "doctor", "--data-dir", "data"])
        .ok();
    assert!(
        doctor.contains("through the proxy") && !doctor.contains("hush"),
        "{doctor}"
    );
}

#[test]
fn exceptions_and_the_key_that_switches_it_off_are_honoured() {
    for (more, exceptions) in [("", "model.invalid"), ("", "*"), ("proxy = \"none\"\n", "")] {
        let case = far(&format!("retries_max = 0\n{more}"));
        let url = case.server.url();
        let case = case
            .with_variable("HTTP_PROXY", &url)
            .with_variable("NO_PROXY", exceptions);
        let line = case.run().refused(5, "AH0305");
        assert!(line.contains("model.invalid directly"), "{line}");
        assert_eq!(case.server.calls().len(), 0);
    }
}

#[test]
fn a_proxy_of_the_configuration_goes_above_the_environment() {
    let case = far("");
    let url = case.server.url();
    case.place.write(
        "anthill.toml",
        config_at("openai", FAR, &format!("proxy = \"{url}\"\n")),
    );
    check_through_proxy(
        &case
            .with_variable("HTTP_PROXY", "http://127.0.0.1:9")
            .with_variable("NO_PROXY", "*"),
    );
}

#[test]
fn a_server_on_this_machine_needs_no_proxy() {
    let case = Case::of_readers(ModelServer::honest()).with_variable("HTTP_PROXY", "http://127.0.0.1:9");
    case.run().ok();
    assert_eq!(case.claims(), 2);
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let case = far("retries_max = 0\n").with_variable("HTTP_PROXY", "http://127.0.0.1:9");
    let line = case.run().refused(5, "AH0305");
    assert!(
        line.contains("model.invalid through the proxy http://127.0.0.1:9 (HTTP_PROXY)"),
        "{line}"
    );
}

#[test]
fn the_doctor_says_which_way_a_provider_is_reached() {
    let case = far("").with_variable("HTTPS_PROXY", "http://gate.invalid:3128");
    let doctor = case
        .place
        .run(["--config", "anthill.toml", "doctor", "--data-dir", "data"])
        .ok();
    assert!(doctor.contains("asks model.invalid directly"), "{doctor}");
    assert!(
        doctor.contains("api.openai.com through the proxy http://gate.invalid:3128 (HTTPS_PROXY)"),
        "{doctor}"
    );
}

#[test]
fn a_proxy_or_an_authority_that_cannot_be_used_is_refused_by_name() {
    let case = far("").with_variable("HTTP_PROXY", "gopher://me:hush-hush@gate.invalid");
    let doctor = case
        .place
        .run(["--config", "anthill.toml", "doctor", "--data-dir", "data"]);
    assert_eq!(doctor.exit(), Some(2), "{}", doctor.stdout());
    let said = doctor.stdout() + &doctor.stderr();
    assert!(said.contains("HTTP_PROXY") && !said.contains("hush"), "{said}");
    let case = far("ca_file = \"not-there.pem\"\n");
    let doctor = case
        .place
        .run(["--config", "anthill.toml", "doctor", "--data-dir", "data"]);
    assert_eq!(doctor.exit(), Some(2), "{}", doctor.stdout());
    assert!(doctor.stderr().contains("not-there.pem"), "{}", doctor.stderr());
}
