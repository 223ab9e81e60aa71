//! Reading and writing of the few shapes that the format is made of: whole numbers, ids and texts.
//!
//! A number takes seven bits per byte, the low ones first; signed numbers are folded first, so that small ones of
//! either sign stay short. A reader never allocates before it has seen that the bytes are there. Rejected: a general
//! serialiser, whose names of fields or of types would weigh more than the numbers.

use super::Flaw;

/// What is left of some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Flaw::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Flaw::Cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A number of at most ten bytes.
    pub(crate) fn number(&mut self) -> Result<u64, Flaw> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Flaw::Damaged);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Flaw::Damaged)
    }

    /// A number that has to fit a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Flaw> {
        T::try_from(self.number()?).map_err(|_| Flaw::Damaged)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Flaw> {
        let folded = self.number()?;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }

    /// A count of things of at least `size` bytes each: never more than can follow.
    pub(crate) fn count(&mut self, size: usize, most: usize) -> Result<usize, Flaw> {
        let count: usize = self.small()?;
        if count > most {
            return Err(Flaw::TooLarge);
        }
        if count.saturating_mul(size.max(1)) > self.left() {
            return Err(Flaw::Cut);
        }
        Ok(count)
    }

    pub(crate) fn text(&mut self, most: usize) -> Result<String, Flaw> {
        let count = self.count(1, most)?;
        let bytes = self.take(count)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| Flaw::Damaged)
    }
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_number(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_number(out, count as u64);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}
