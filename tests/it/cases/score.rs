//! How good the work was found stands at the end of a run and in the lists, beside what it was without knowledge.

use anthill_kit::cli::Workplace;
use serde_json::Value;

use crate::cli::workplace;

/// Reports of which half have answers that are known beforehand, and their job without its last table.
fn reports(count: usize) -> (Workplace, String) {
    let place = workplace();
    let mut job = String::from(
        "name = \"reports\"\ngoal = \"What stopped the pump?\"\nshape = \"map_reduce_verify\"\n\n[[inputs]]\npath = \"reports\"\n\n",
    );
    for number in 0..count {
        let cause = format!("The pump of station {number} stopped because sand had filled its inlet");
        place.write(
            format!("reports/{number:02}.md"),
            format!("# Station {number}\n\n{cause}.\n\nThe crew of the pump had lunch at noon. It was a warm day.\n"),
        );
        let answer = format!("[[review.answers]]\ndocument = \"{number:02}.md\"\nquotes = [\"{cause}\"]\n\n");
        job.push_str(&answer);
    }
    (place, job)
}

fn newest(place: &Workplace) -> Value {
    place.run(["job", "list", "--json"]).json()["jobs"][0].clone()
}

fn id(job: &Value) -> &str {
    job["job_id"].as_str().expect("an id")
}

/// The mean of the scores that a job's readers have in its table of tasks.
fn mean_of_tasks(place: &Workplace, job: &Value) -> f64 {
    let shown = place.run(["job", "show", id(job), "--json"]).json();
    let tasks = shown["tasks"].as_array().expect("a list").clone();
    let scores: Vec<f64> = tasks
        .iter()
        .filter(|task| task["score"]["class"] == "test")
        .filter_map(|task| task["score"]["score_milli"].as_f64())
        .collect();
    assert!(!scores.is_empty());
    scores.iter().sum::<f64>() / scores.len() as f64 / 1000.0
}

#[test]
fn the_score_by_known_answers_stands_wherever_the_job_does() {
    let (place, job) = reports(8);
    place.write("job.toml", job);
    let told = place.run(["run", "job.toml"]).ok();
    let job = newest(&place);
    let mean = job["score"]["all"]["mean"].as_f64().expect("a score");
    assert_eq!(job["score"]["by"], "answers");
    assert_eq!(job["score"]["all"]["tasks"], 8);
    assert!((mean - mean_of_tasks(&place, &job)).abs() < 1e-9, "{job}");
    let line = told
        .lines()
        .find(|line| line.starts_with("  score    "))
        .expect("a line");
    assert!(
        line.contains(&format!("{mean:.2} (")) && line.ends_with("over 8 tasks by answers known beforehand"),
        "{line}"
    );
    let list = place.run(["job", "list"]).ok();
    assert!(
        list.contains("SCORE") && list.contains(&format!("  {mean:.2}  ")),
        "{list}"
    );
    let shown = place.run(["job", "show", id(&job)]).ok();
    assert!(shown.contains("  score      "), "{shown}");
    let head = shown
        .lines()
        .find(|line| line.starts_with("TASK"))
        .expect("a table");
    assert!(head.contains("  SCORE  "), "{head}");
    let lines = place.run(["job", "resume", id(&job)]);
    lines.refused(6, "AH0403");
}

#[test]
fn controls_stand_beside_the_rest_once_there_are_enough() {
    let (place, job) = reports(40);
    place.write("job.toml", job);
    // Half of the runs are shown nothing: of 40, fewer than five or more than 35 would be a wonder.
    place.write("half.toml", "[knowledge]\ncontrol_share = 0.5\n");
    let told = place.run(["run", "job.toml", "--config", "half.toml"]).ok();
    let score = &newest(&place)["score"];
    let tasks = |of: &str| score[of]["tasks"].as_u64().expect("a count");
    assert_eq!(tasks("with_knowledge") + tasks("without_knowledge"), 40);
    let mean = |of: &str| score[of]["mean"].as_f64().expect("a mean");
    let gain = &score["gain"];
    let difference = mean("with_knowledge") - mean("without_knowledge");
    assert!(
        (gain["mean"].as_f64().expect("a gain") - difference).abs() < 1e-9,
        "{score}"
    );
    assert!(gain["low"].as_f64() < gain["high"].as_f64());
    for part in ["with knowledge ", "without ", "gain "] {
        assert!(told.contains(&format!("\n           {part}")), "{told}");
    }
    let shown = place.run(["job", "show", id(&newest(&place))]).ok();
    assert!(shown.contains("(control)"), "{shown}");
}

#[test]
fn too_few_controls_or_none_are_said_to_be() {
    let (place, job) = reports(6);
    place.write("job.toml", job);
    place.write("none.toml", "[knowledge]\ncontrol_share = 0.0\n");
    let told = place.run(["run", "job.toml", "--config", "none.toml"]).ok();
    assert!(told.contains("without knowledge: not measured"), "{told}");
    assert_eq!(newest(&place)["score"]["gain_unknown"], "no_controls");

    // Of four tasks no five can be controls.
    let (place, job) = reports(4);
    place.write("job.toml", job);
    place.write("half.toml", "[knowledge]\ncontrol_share = 0.5\n");
    let told = place.run(["run", "job.toml", "--config", "half.toml"]).ok();
    let score = &newest(&place)["score"];
    assert!(score["gain"].is_null(), "{score}");
    let expected = match score["without_knowledge"]["tasks"].as_u64() {
        Some(_) => "too few of 5",
        None => "without knowledge: not measured",
    };
    assert!(told.contains(expected), "{told}");

    let (place, job) = reports(3);
    place.write("job.toml", format!("{job}[knowledge]\nuse = false\n"));
    let told = place.run(["run", "job.toml"]).ok();
    assert!(
        told.contains("without knowledge: the same, the job uses none"),
        "{told}"
    );
    assert_eq!(newest(&place)["score"]["without_knowledge"]["tasks"], 3);
}

#[test]
fn a_job_without_answers_is_scored_by_its_checks() {
    let (place, job) = reports(4);
    let plain = job
        .split("[[review.answers]]")
        .next()
        .expect("the head")
        .to_owned();
    place.write("job.toml", plain);
    let told = place.run(["run", "job.toml"]).ok();
    assert!(told.contains(" by the checks\n"), "{told}");
    assert_eq!(newest(&place)["score"]["by"], "checks");
    // Work that is taken over was not scored again.
    let told = place.run(["run", "job.toml"]).ok();
    assert!(told.contains("  reused   "), "{told}");
}

#[test]
fn wrong_work_scores_nothing_and_lost_work_has_no_score() {
    let (place, job) = reports(5);
    // The first reader quotes what stands nowhere, again and again; the others read as they always do.
    place.write(
        "script.toml",
        "[[rules]]\nwhen = { matter = \"read\", prompt = \"station 0\" }\ntext = '{\"claims\": [{\"text\": \"It broke.\", \
         \"quotes\": [{\"quote\": \"the pump exploded\"}]}]}'\n\n[[rules]]\nextract = true\n",
    );
    place.write("job.toml", job);
    place.run(["run", "job.toml", "--model", "scripted/script.toml", "--quiet"]);
    let job = newest(&place);
    let shown = place.run(["job", "show", id(&job), "--json"]).json();
    let tasks = shown["tasks"].as_array().expect("a list");
    let failed: Vec<&Value> = tasks
        .iter()
        .filter(|task| task["status"] == "failed" && task["node"] == "read")
        .collect();
    assert_eq!(failed.len(), 1, "{tasks:?}");
    assert_eq!(failed[0]["score"]["score_milli"], 0);
    assert_eq!(job["score"]["all"]["tasks"], 5);
}
