//! Quotations and names in another form than the file's: the same words are found, and other words are not.

use anthill_kit::cli::{Finished, Workplace};
use anthill_kit::model_server::{ModelServer, Protocol, ToolAsk};
use serde_json::{Value, json};

use crate::cli::workplace;

/// A job over one file whose model is this server.
fn place_of(server: &ModelServer, shape: &str, (path, text): (&str, &str)) -> Workplace {
    let place = workplace();
    server.configure(&place, Protocol::Openai, "");
    place.write(format!("docs/{path}"), text);
    place.write(
        "job.toml",
        format!(
            "name = \"sea\"\ngoal = \"What moves the sea?\"\nmodel = \"fake/m\"\nshape = \"{shape}\"\n\
             [[inputs]]\npath = \"docs\"\n[budget]\nusd = 1.0\n"
        ),
    );
    place
}

fn run(place: &Workplace) -> Finished {
    let arguments = [
        "--config",
        "anthill.toml",
        "run",
        "job.toml",
        "--data-dir",
        "data",
        "--out",
        "out",
        "--quiet",
    ];
    place.run(arguments)
}

fn citation(place: &Workplace) -> Value {
    let brief: Value = serde_json::from_str(&place.read("out/brief.json")).expect("a brief is JSON");
    brief["citations"][0].clone()
}

/// A model that quotes these words of a file with this text.
fn quoting(quote: &'static str) -> ModelServer {
    ModelServer::start(move |call| {
        if call.is_reader() {
            call.says(call.finding(quote).to_string())
        } else {
            call.says(call.honest().to_string())
        }
    })
}

/// The quotation is accepted at once, and the brief has the file's own words.
#[track_caller]
fn check_located(path: &str, text: &str, quote: &'static str, expected: &str) {
    let server = quoting(quote);
    let place = place_of(&server, "map_reduce_verify", (path, text));
    run(&place).ok();
    assert_eq!(server.calls().len(), 2, "one reader and one writer: {quote}");
    let citation = citation(&place);
    assert_eq!(citation["quote"], expected);
    let start = text.find(expected).expect("the text holds what is expected");
    assert_eq!(
        (citation["start"].as_u64(), citation["end"].as_u64()),
        (Some(start as u64), Some((start + expected.len()) as u64))
    );
}

/// The quotation is refused, round after round.
#[track_caller]
fn check_refused(text: &str, quote: &'static str) {
    let server = quoting(quote);
    let place = place_of(&server, "map_reduce_verify", ("a.txt", text));
    let finished = run(&place);
    assert_ne!(finished.exit(), Some(0), "{quote}: {}", finished.stdout());
}

#[test]
fn letters_and_accents_apart_or_in_one() {
    check_located(
        "a.md",
        "# Meer\n\nDie Flut u\u{308}berspu\u{308}lt zweimal am Tag die Ku\u{308}ste.\n",
        "Die Flut überspült zweimal am Tag die Küste.",
        "Die Flut u\u{308}berspu\u{308}lt zweimal am Tag die Ku\u{308}ste.",
    );
    check_located(
        "a.txt",
        "La marée monte deux fois par jour.\n",
        "La mare\u{301}e monte deux fois",
        "La marée monte deux fois",
    );
    check_refused(
        "La marée monte deux fois par jour.\n",
        "La maree monte deux fois par jour.",
    );
}

#[test]
fn words_that_a_line_end_parts() {
    check_located(
        "a.txt",
        "The tide comes from the gravi-\ntation of the moon, which is well-\nknown.\n",
        "comes from the gravitation of the moon, which is well-known",
        "comes from the gravi-\ntation of the moon, which is well-\nknown",
    );
    check_located(
        "a.html",
        "<p>The gravi&shy;tation of the <b>moon</b> pulls.</p>",
        "gravitation of the moon pulls",
        "gravi&shy;tation of the <b>moon</b> pulls",
    );
    check_refused(
        "It rose in the years 2019-2020 again.\n",
        "It rose in the years 20192020 again.",
    );
}

#[test]
fn compatibility_forms_signs_and_white_space() {
    check_located(
        "a.txt",
        "A su\u{fb03}cient \u{201c}pull\u{201d} \u{2014} it\u{2019}s the\u{a0}moon\u{2026}\n",
        "A sufficient \"pull\" - it's the moon...",
        "A su\u{fb03}cient \u{201c}pull\u{201d} \u{2014} it\u{2019}s the\u{a0}moon\u{2026}",
    );
    check_located(
        "a.txt",
        "ｔｈｅ\u{3000}ｍｏｏｎ pulls the sea\n",
        "the moon pulls the sea",
        "ｔｈｅ\u{3000}ｍｏｏｎ pulls the sea",
    );
    check_located(
        "a.json",
        "{\"t\": \"The moon pulls the \\u0073ea twice.\"}",
        "The moon pulls the sea twice.",
        "The moon pulls the \\u0073ea twice.",
    );
    check_refused("They do note the tide at sea.\n", "They do not");
}

/// The tool answered "0 passages" for words that the file has in another form.
#[test]
fn the_search_finds_words_in_any_form() {
    for (text, query) in [
        ("Die Größe der Flut ha\u{308}ngt vom Mond ab.\n", "hängt Flut"),
        ("The gravi-\ntation of the moon.\n", "gravitation"),
        ("An e\u{fb03}cient pull.\n", "efficient"),
        ("月亮的引力拉动海水。\n", "引力"),
    ] {
        let server = ModelServer::start(move |call| match call.tool_outcomes().first() {
            None => {
                let args = json!({ "query": query }).to_string();
                call.asks(&[ToolAsk {
                    id: "s1",
                    name: "search",
                    args: &args,
                }])
            }
            Some(_) => call.says(json!({ "claims": [] }).to_string()),
        });
        let place = place_of(&server, "single", ("a.txt", text));
        let _ = run(&place);
        let found = &server.calls()[1].tool_outcomes()[0].1;
        assert!(found.contains("1 passages of 1"), "{query}: {found}");
    }
}

/// A file was "not among the job's documents" because the disk has its name in another form.
#[test]
fn a_file_is_found_by_another_form_of_its_name() {
    const WORDS: &str = "The moon draws the sea towards itself.";
    for (path, given) in [
        ("U\u{308}ber.md", "\u{dc}ber.md"),
        ("notes/Tide.md", "./notes/tide.md"),
        ("notes/Tide.md", "`notes\\Tide.md`"),
        (" led.md", "led.md"),
    ] {
        let server = ModelServer::start(move |call| match call.tool_outcomes().first() {
            None => {
                let args = json!({ "path": given }).to_string();
                call.asks(&[ToolAsk {
                    id: "r1",
                    name: "read_file",
                    args: &args,
                }])
            }
            Some(_) => call.says(call.finding_of(given, WORDS).to_string()),
        });
        let place = place_of(&server, "single", (path, WORDS));
        run(&place).ok();
        assert!(server.calls()[1].tool_outcomes()[0].1.contains(WORDS), "{given}");
        assert_eq!(citation(&place)["path"], path);
    }
}
