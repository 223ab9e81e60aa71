//! Numbers as people read them.

use super::*;

#[test]
fn numbers_are_written_for_people() {
    assert_eq!(count(7), "7");
    assert_eq!(count(1_234_567), "1 234 567");
    assert_eq!(counted(1, "step"), "1 step");
    assert_eq!(counted(1000, "step"), "1 000 steps");
    assert_eq!(time(850), "850 ms");
    assert_eq!(time(4250), "4.2 s");
    assert_eq!(time(185_000), "3 min 05 s");
    assert_eq!(time(3_725_000), "1 h 02 min");
    assert_eq!(moment(Timestamp(0)), "1970-01-01 00:00:00");
    assert_eq!(shortened("a  b\nc", 3), "a …");
}

#[test]
fn an_amount_names_what_is_there() {
    let spent = Amount {
        tokens_in: 1200,
        tokens_out: 80,
        usd_micro: 1_500_000,
        steps: 1,
        ..Amount::ZERO
    };
    assert_eq!(amount(&spent), "1 200 tokens in, 80 out, $1.50, 1 step");
}

/// A file name that held an escape sequence cleared the terminal of whoever looked at the job, and one with a line feed
/// wrote a line of its own into the summary.
#[test]
fn a_name_cannot_steer_the_terminal() {
    assert_eq!(name("a b\u{e9}.md"), "a b\u{e9}.md");
    assert_eq!(
        name("\u{1b}[2Jx\n\r\u{9b}\u{202e}y"),
        "\u{fffd}[2Jx\u{fffd}\u{fffd}\u{fffd}\u{fffd}y"
    );
    assert_eq!(harmless("a\tb\nc\u{1b}[31m"), "a\tb\nc\u{fffd}[31m");
}
