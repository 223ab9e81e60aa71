// Conversions for boards and cuts, as the saw and the drawings need them.
//
// Lengths are kept in whole micrometres because sums of fractions of an inch drifted with each board that was added.

const PER_INCH = 25400;

// Rounds half up, as carpenters do.
export function fromInches(inches) {
  return Math.round(inches * PER_INCH);
}

// This is for people only, and nothing may be calculated with the result.
export function toInches(length) {
  return (length / PER_INCH).toFixed(3);
}
