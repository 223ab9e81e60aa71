//! What does not fit is cut, and said to be cut.

use super::*;

#[test]
fn what_fits_is_shown_without_a_marker() {
    let mut capped = Capped::default();
    assert_eq!(capped.push(&"a".repeat(OUTPUT_BYTES_MAX)), Room::Shown);
    let output = capped.finish("unused");
    assert_eq!((output.text.len(), output.truncated), (OUTPUT_BYTES_MAX, false));
}

#[test]
fn the_first_part_without_room_ends_the_output() {
    let mut capped = Capped::default();
    assert_eq!(capped.push("first\n"), Room::Shown);
    assert_eq!(capped.push(&"b".repeat(OUTPUT_BYTES_MAX)), Room::Full);
    assert_eq!(capped.push("late\n"), Room::Full);
    let output = capped.finish("ask for less");
    assert_eq!(
        output.text,
        format!(
            "first\n[cut: 6 of {} bytes shown; ask for less]\n",
            OUTPUT_BYTES_MAX + 11
        )
    );
    assert!(output.truncated && output.ok);
}
