//! What a machine remembers of the past: restarts within the intensity's period, and inputs that kill.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::child_spec::{Intensity, Quarantine};

use super::InputKey;

/// How many suspicious inputs are remembered; the one that killed longest ago makes room.
const SUSPECTS_MAX: usize = 256;

/// The restarts of the last `period`.
#[derive(Debug, Clone, Default)]
pub(super) struct Restarts {
    times: VecDeque<Duration>,
}

impl Restarts {
    /// Notes one more restart, and says whether it is within the bound. Both ends of the window count, as in OTP.
    pub(super) fn admit(&mut self, now: Duration, intensity: Intensity) -> bool {
        while self
            .times
            .front()
            .is_some_and(|&time| time + intensity.period < now)
        {
            self.times.pop_front();
        }
        if self.times.len() >= usize::try_from(intensity.restarts).unwrap_or(usize::MAX) {
            return false;
        }
        self.times.push_back(now);
        true
    }
}

/// Inputs that were the last one of some child.
///
/// They are counted over all children of the supervisor: a poisonous task kills another worker each time.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspects {
    kills: BTreeMap<InputKey, VecDeque<Duration>>,
}

impl Suspects {
    /// Notes one more kill, and says whether the input is poison now.
    pub(super) fn convict(&mut self, input: &InputKey, now: Duration, quarantine: Quarantine) -> bool {
        self.make_room(input);
        let kills = self.kills.entry(input.clone()).or_default();
        while kills.front().is_some_and(|&time| time + quarantine.window < now) {
            kills.pop_front();
        }
        let bound = usize::try_from(quarantine.kills).unwrap_or(usize::MAX).max(1);
        if kills.len() == bound {
            kills.pop_front();
        }
        kills.push_back(now);
        kills.len() >= bound
    }

    fn make_room(&mut self, input: &InputKey) {
        if self.kills.len() < SUSPECTS_MAX || self.kills.contains_key(input) {
            return;
        }
        let oldest = self.kills.iter().min_by_key(|(_, kills)| kills.back().copied());
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.kills.remove(&key);
        }
    }
}
