//! Job files with flags beside them, right and wrong.

use std::fs;

use super::*;

/// A folder with a job file and an input.
fn folder(job: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("docs")).expect("an input");
    let file = folder.path().join("job.toml");
    fs::write(&file, job).expect("a job file");
    (folder, file)
}

fn check_refused(job: &str, expected: &str) {
    let (_folder, file) = folder(job);
    let problem = load(&file, JobFlags::default()).expect_err("the job is wrong");
    let line = format!("{} {}", problem.code.id, problem.message);
    let place = file.parent().expect("a folder").display().to_string();
    assert_eq!(line.replace(&place, "."), expected);
}

#[test]
fn inputs_are_taken_from_the_folder_of_the_job() {
    let (folder, file) = folder("name = \"a\"\ngoal = \"b\"\n[[inputs]]\npath = \"docs\"\n");
    let spec = load(&file, JobFlags::default()).expect("the job is right");
    let docs = folder.path().join("docs").canonicalize().expect("it exists");
    assert_eq!(spec.inputs[0].path, docs);
}

#[test]
fn flags_go_above_the_file() {
    let (folder, file) =
        folder("name = \"a\"\ngoal = \"b\"\n[[inputs]]\npath = \"gone\"\n[budget]\nusd = 1.0\nsteps = 9");
    let flags = JobFlags {
        inputs: vec![folder.path().join("docs")],
        model: Some("scripted/a".parse().expect("a model")),
        budget: vec![
            "usd=0.25".parse().expect("a limit"),
            "wall=2m".parse().expect("a limit"),
        ],
    };
    let spec = load(&file, flags).expect("the job is right");
    assert_eq!(spec.model.to_string(), "scripted/a");
    assert_eq!(spec.budget.usd, Some(Usd(250_000)));
    assert_eq!(spec.budget.steps, Some(9));
    assert_eq!(spec.budget.wall, Some(Span(120_000)));
    assert_eq!(spec.inputs.len(), 1);
}

#[test]
fn a_wrong_job_is_refused_by_key() {
    let head = "name = \"a\"\ngoal = \"b\"\n";
    let check = |rest: &str, expected: &str| check_refused(&format!("{head}{rest}"), expected);
    check(
        "[[inputs]]\npath = \"docs\"\n[budget]\nusd = 0",
        "AH0110 the limit on usd is zero, so not even the next step could be paid",
    );
    check(
        "shape = \"plan\"",
        "AH0104 shape is `plan`, but there is no `plan`",
    );
    check("", "AH0104 inputs is empty: name a folder or file to read");
    check(
        "[[inputs]]\npath = \"gone\"",
        "AH0105 the input `./gone` does not exist",
    );
    let missing = load(Path::new("/nowhere/job.toml"), JobFlags::default());
    assert_eq!(missing.expect_err("there is no file").code.id, "AH0101");
}

#[test]
fn a_wrong_budget_flag_is_refused() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            text.parse::<BudgetFlag>().expect_err("the flag is wrong"),
            expected
        );
    };
    check("usd", "write DIMENSION=LIMIT, such as `usd=0.50` or `wall=10m`");
    check(
        "token_in=5",
        "`token_in` is no budget dimension; did you mean `tokens_in`?",
    );
    check("steps=many", "`many` is no count; write a whole number");
    check("usd=-1", "`-1` is no amount of dollars; write `0.50`");
}
