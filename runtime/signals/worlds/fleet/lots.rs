//! Lots: chance that is fixed by a seed and by what it decides, so that every arm of an experiment meets the same tasks
//! and the same luck, in whatever order it comes to them.

/// A stream of chance.
#[derive(Debug, Clone, Copy)]
pub struct Lots(u64);

impl Lots {
    /// The stream of one purpose in the world of a seed.
    pub fn of(parts: &[u64]) -> Self {
        let mut lots = Self(0x1234_5678_9abc_def1);
        for part in parts {
            lots.0 ^= *part;
            lots.0 = lots.bits();
        }
        lots
    }

    /// The next 64 bits (Steele, Lea and Flood 2014).
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A value from 0 up to, and without, 1.
    pub const fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `end`, which is at least 1.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a remainder of a number that was a usize"
    )]
    pub const fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// A standard normal value (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// A value by a beta distribution.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (left, right) = (self.gamma(a), self.gamma(b));
        left / (left + right).max(f64::MIN_POSITIVE)
    }

    /// A value by a gamma distribution of scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let lift = (1.0 - self.share()).powf(1.0 / shape.max(1e-3));
            return self.gamma(shape + 1.0) * lift;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.share()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}
