//! One line per way of writing a file wrongly.

use anthill_contracts::spec::JobSpec;

use super::*;

fn check(format: Format, text: &str, expected: &str) {
    let origin = Origin { name: "job", format };
    let problem = parse::<JobSpec>(origin, text).expect_err("the text is wrong");
    assert_eq!(format!("{} {}", problem.code.id, problem.message), expected);
}

#[test]
fn a_wrong_toml_file_is_told_by_place_and_kind() {
    let toml = |text, expected| check(Format::Toml, text, expected);
    toml(
        "name = \"a\"\ngoal = \"b",
        "AH0102 job:2:10: invalid basic string, expected `\"`",
    );
    toml("name = \"a\"\nname = \"b\"", "AH0102 job:2:1: duplicate key");
    toml(
        "name = \"a\"\ngoal = \"b\"\nmodle = \"x/y\"",
        "AH0103 job:3:1: unknown key `modle`; did you mean `model`?",
    );
    toml(
        "name = \"a\"\ngoal = \"b\"\n[budget]\ntokns_in = 5",
        "AH0103 job:4:1: unknown key `tokns_in` in `budget`; did you mean `tokens_in`?",
    );
    toml(
        "name = \"a\"\ngoal = \"b\"\nshape = \"singel\"",
        "AH0104 job:3:9: `shape`: `singel` is not allowed; did you mean `single`?",
    );
    toml(
        "name = \"a\"\ngoal = \"b\"\n[budget]\nwall = \"soon\"",
        "AH0104 job:4:8: `budget.wall`: `soon` is no length of time (expected number at 0); write `90s` or `10m`",
    );
    toml(
        "name = \"a\"\ngoal = \"b\"\n[budget]\nsteps = -1",
        "AH0104 job:4:9: `budget.steps`: invalid value: integer `-1`, expected u64",
    );
    toml("name = \"a\"", "AH0104 job:1:1: missing field `goal`");
}

#[test]
fn a_wrong_json_file_is_told_by_place_and_kind() {
    let json = |text, expected| check(Format::Json, text, expected);
    json(
        "{\"name\": \"a\",\n \"goal\" \"b\"}",
        "AH0102 job:2:9: expected `:`",
    );
    json(
        "{\"name\": \"a\", \"goal\": \"b\",\n \"modle\": \"x/y\"}",
        "AH0103 job:2:8: unknown key `modle`; did you mean `model`?",
    );
    json(
        "{\"name\": \"a\", \"goal\": \"b\", \"budget\": {\"zebra\": 1}}",
        "AH0103 job:1:45: unknown key `zebra` in `budget`; known: tokens_in, tokens_out, usd, tool_calls, steps, wall, agents",
    );
    json(
        "{\"name\": \"a\", \"goal\": 7}",
        "AH0104 job:1:23: `goal`: invalid type: integer `7`, expected a string",
    );
    json(
        "{\"name\": \"a\", \"goal\": \"b\"} x",
        "AH0102 job:1:28: trailing characters",
    );
}

#[test]
fn the_extension_tells_the_format() {
    let of = |name: &str, text| Format::of(Path::new(name), text);
    assert_eq!(of("a/job.JSON", "a = 1"), Format::Json);
    assert_eq!(of("job.toml", "{}"), Format::Toml);
    assert_eq!(of("job", "a = 1"), Format::Toml);
    assert_eq!(
        of(
            "/dev/fd/63",
            "
 {}"
        ),
        Format::Json
    );
}
