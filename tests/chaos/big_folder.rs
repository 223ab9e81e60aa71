//! A folder that nobody prepared: hundreds of files, some of them no documents, one of 20 MB.

use std::fs;
use std::path::Path;
use std::process::Command;

use anthill_kit::cli::Workplace;
use anthill_kit::running::Running;
use anthill_kit::wait::wait_for;
use serde_json::{Value, json};

use crate::seed::dice;

const DOCUMENTS: usize = 494;
const BIG_FILE_BYTES: usize = 20_000_000;
const MEMORY_KIB_MAX: u64 = 300 * 1024;

const JOB: &str = "name = \"tree\"\ngoal = \"How do ants find a short path to their food?\"\n\
                   [[inputs]]\npath = \"tree\"\n";

const WORDS: &str = "ant trail pheromone colony nest forage food scout worker queen path bridge evaporation signal \
                     recruit search short long branch probability model experiment laboratory density traffic memory \
                     learning noise error robust flow feedback positive negative deposit rate decay concentration \
                     choose follow return carry larvae brood tunnel chamber soil leaf seed";

/// Writes text that looks like documentation.
struct Author {
    dice: fastrand::Rng,
    words: Vec<&'static str>,
}

impl Author {
    fn sentence(&mut self) -> String {
        let count = self.dice.usize(6..22);
        let words: Vec<&str> = (0..count)
            .map(|_| self.words[self.dice.usize(..self.words.len())])
            .collect();
        let text = words.join(" ");
        format!("{}{}.", text[..1].to_uppercase(), &text[1..])
    }

    fn paragraph(&mut self) -> String {
        let count = self.dice.usize(3..8);
        let sentences: Vec<String> = (0..count).map(|_| self.sentence()).collect();
        sentences.join(" ")
    }

    /// The name's ending and the text of a document.
    fn document(&mut self, number: usize) -> (&'static str, String) {
        let parts = 0..self.dice.usize(3..30);
        let text = |part: &mut dyn FnMut(usize) -> String| parts.clone().map(part).collect::<String>();
        match number % 5 {
            0 => (
                "md",
                text(&mut |_| format!("## {}\n\n{}\n\n", self.sentence(), self.paragraph())),
            ),
            1 => (
                "html",
                text(&mut |_| format!("<h2>{}</h2><p>{}</p>\n", self.sentence(), self.paragraph())),
            ),
            2 => (
                "rs",
                text(&mut |n| format!("/// {}\npub fn f{n}() {{}}\n", self.sentence())),
            ),
            3 => (
                "py",
                text(&mut |n| format!("def f{n}():\n    \"\"\"{}\"\"\"\n", self.paragraph())),
            ),
            _ => ("rst", text(&mut |_| format!("{}\n\n", self.paragraph()))),
        }
    }
}

/// A tree of documentation, and what does not belong into one.
fn tree(place: &Workplace) {
    let mut author = Author {
        dice: dice("big_folder"),
        words: WORDS.split_whitespace().collect(),
    };
    for number in 0..DOCUMENTS {
        let (ending, text) = author.document(number);
        place.write(
            format!("tree/chapter{:02}/page{number:03}.{ending}", number / 25),
            text,
        );
    }
    let mut log = String::with_capacity(BIG_FILE_BYTES + 2000);
    while log.len() < BIG_FILE_BYTES {
        log.push_str(&author.paragraph());
        log.push_str("\n\n");
    }
    place.write("tree/log.txt", log);
    let mut noise = vec![0; 200_000];
    author.dice.fill(&mut noise);
    place.write("tree/logo.bin", noise);
    place.write(
        "tree/latin.txt",
        b"A caf\xe9 for ants: food, and a short path to it.\n".repeat(20),
    );
    place.write(
        "tree/torn.txt",
        b"Ants find a short path \xf0\x9f\x90 to food.\x00\x81\n".repeat(20),
    );
    place.write("tree/empty.md", "");
    place.write(
        "secret.txt",
        "Ants find a short path to the food in this secret.\n",
    );
    odd_files(&place.path("tree"));
}

/// What is no regular file.
fn odd_files(tree: &Path) {
    std::os::unix::fs::symlink("../secret.txt", tree.join("link.txt")).expect("a link can be made");
    std::os::unix::fs::symlink("..", tree.join("loop")).expect("a link can be made");
    let pipe = Command::new("mkfifo").arg(tree.join("pipe.txt")).status();
    assert!(pipe.expect("mkfifo is there").success());
}

#[test]
fn a_folder_of_five_hundred_documents_is_read_in_little_memory() {
    let place = Workplace::new(env!("CARGO_BIN_EXE_anthill"));
    tree(&place);
    place.write("job.toml", JOB);
    let mut running = place.launch(["run", "job.toml", "--json"]);
    let memory_kib = peak_memory(&mut running);
    let finished = running.end();
    finished.ok();
    let summary = finished.json_lines().pop().expect("there is a summary")["summary"].clone();
    eprintln!(
        "{} tasks, {} ms, {memory_kib} KiB",
        summary["tasks"], summary["elapsed_ms"]
    );
    assert_eq!(summary["status"], "succeeded", "{summary}");
    assert!(memory_kib > 0 && memory_kib < MEMORY_KIB_MAX, "{memory_kib} KiB");
    let skipped = &summary["result"]["skipped"];
    for (path, reason) in [
        ("empty.md", "empty"),
        ("link.txt", "symbolic_link"),
        ("logo.bin", "binary"),
        ("loop", "symbolic_link"),
        ("pipe.txt", "not_a_file"),
        ("torn.txt", "binary"),
    ] {
        let told = skipped
            .as_array()
            .expect("a list")
            .contains(&json!({ "path": path, "reason": reason }));
        assert!(told, "{path} is {reason}: {skipped}");
    }
    let brief = place.read("anthill-out/tree/brief.json");
    assert!(!brief.contains("secret"), "links are not followed");
    check_quotations(&place, &serde_json::from_str(&brief).expect("a brief"));
}

/// Each quotation stands in its file.
fn check_quotations(place: &Workplace, brief: &Value) {
    let citations = brief["citations"].as_array().expect("a list");
    assert!(!citations.is_empty(), "{brief}");
    for citation in citations {
        let path = citation["path"].as_str().expect("a path");
        let file = fs::read(place.path("tree").join(path)).expect("the source is there");
        let place = |key: &str| usize::try_from(citation[key].as_u64().expect("a number")).expect("small");
        let bytes = &file[place("start")..place("end")];
        let quote = citation["quote"].as_str().expect("a quotation");
        let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        assert!(bytes == quote.as_bytes() || latin == quote, "{citation}");
    }
}

/// Most memory that a process held, in KiB, as the system tells while it runs.
fn peak_memory(running: &mut Running) -> u64 {
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    wait_for("the end of the job", || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        running.has_ended().then_some(())
    });
    peak
}
