//! Fixed-point numbers that decay: whole-number arithmetic, so that equal facts read equal on every machine.
//!
//! Numbers are Q16.16: 65 536 is one. An age is cut into steps of a 64th of the half-life; the factor of the steps
//! within one halving comes from a table in Q0.62, between two steps the line is straight, whole halvings are shifts.
//! Everything truncates towards zero. Without the line, an entry that is written more often than once per step would
//! have its age cut to nothing at each write and never fade.

/// One, in Q16.16.
pub const ONE: i64 = 1 << 16;

/// Steps per halving.
const STEPS: u64 = 64;

/// The largest age that is told apart, in milliseconds: times [`STEPS`] it still fits 64 bits.
const AGE_MAX: u64 = u64::MAX / STEPS;

/// Beyond this many half-lives nothing counts any more: a millionth is left, less than the last bit of sixteen runs.
pub const HALF_LIVES_MAX: u64 = 20;

/// Whether an age lies beyond [`HALF_LIVES_MAX`] half-lives; never where nothing fades.
pub const fn is_past(age_ms: u64, half_life_ms: u64) -> bool {
    half_life_ms != 0 && age_ms > half_life_ms.saturating_mul(HALF_LIVES_MAX)
}

/// `2^(-k/64)` in Q0.62 for k = 0..64.
static FACTORS: [u64; 64] = factors();

/// Built by repeated multiplication with `2^(-1/64)`, rounded down at each step; exact to 2^-55.
const fn factors() -> [u64; 64] {
    // 2^(-1/64) in Q0.62.
    const STEP: u128 = 4_562_008_997_483_360_349;
    let mut table = [0; 64];
    let mut value: u128 = 1 << 62;
    let mut k = 0;
    while k < table.len() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a factor of at most one in Q0.62 fits 63 bits"
        )]
        {
            table[k] = value as u64;
        }
        value = (value * STEP) >> 62;
        k += 1;
    }
    table
}

/// How much of a number is left after some time; made once and applied to all the numbers of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decay {
    factor: u64,
    shift: u32,
}

impl Decay {
    /// What is left after `age_ms` at this half-life. A half-life of 0 means that nothing ever fades.
    pub const fn after(age_ms: u64, half_life_ms: u64) -> Self {
        if half_life_ms == 0 || age_ms == 0 {
            return Self {
                factor: 1 << 62,
                shift: 0,
            };
        }
        if is_past(age_ms, half_life_ms) {
            return Self { factor: 0, shift: 0 };
        }
        // No age that matters is cut: this many milliseconds are nine million years.
        let age = if age_ms < AGE_MAX { age_ms } else { AGE_MAX };
        let scaled = age * STEPS;
        let steps = scaled / half_life_ms;
        let halvings = steps / STEPS;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a remainder below 64, and at most 20 halvings"
        )]
        Self {
            factor: FACTORS[(steps % STEPS) as usize]
                - between(steps % STEPS, scaled % half_life_ms, half_life_ms),
            shift: halvings as u32,
        }
    }

    /// The decayed number, truncated towards zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a factor of at most one makes no number larger"
    )]
    pub const fn of(self, value: i64) -> i64 {
        let size = ((value.unsigned_abs() as u128 * self.factor as u128) >> 62) as u64 >> self.shift;
        if value < 0 {
            (size as i64).wrapping_neg()
        } else {
            size as i64
        }
    }

    /// The decayed number of an unsigned value.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a factor of at most one makes no number larger"
    )]
    pub const fn of_u32(self, value: u32) -> u32 {
        (((value as u128 * self.factor as u128) >> 62) as u64 >> self.shift) as u32
    }
}

/// How far the factor has fallen since a step of the table, after `rest` of `whole` of the way to the next.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a step below 64, and a part of a difference of factors"
)]
const fn between(step: u64, rest: u64, whole: u64) -> u64 {
    let place = step as usize;
    let next = if step + 1 == STEPS {
        1 << 61
    } else {
        FACTORS[place + 1]
    };
    // Division of 64 bits is many times as fast as that of 128, and serves half-lives of up to seven weeks.
    let way = if whole <= u32::MAX as u64 {
        (rest << 32) / whole
    } else {
        (((rest as u128) << 32) / whole as u128) as u64
    };
    (((FACTORS[place] - next) as u128 * way as u128) >> 32) as u64
}

/// A share between 0 and 1 as Q16.16.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to what fits"
)]
pub fn from_f64(value: f64) -> i64 {
    (value.clamp(-1e9, 1e9) * 65_536.0).round() as i64
}

/// A Q16.16 number as floating point.
pub fn to_f64(value: i64) -> f64 {
    value as f64 / 65_536.0
}

#[cfg(test)]
mod tests;
