//! A hundred thousand random trees: the machines and the reference model see the same.

use super::{model, scenario, world};

/// Fixed, so that a red run is red again; a failure names the seed of its scenario.
const FIRST_SEED: u64 = 0x5EED;
const SCENARIOS: u64 = 100_000;

#[test]
fn the_machine_does_what_otp_does() {
    let mut happened = Happened::default();
    for seed in FIRST_SEED..FIRST_SEED + SCENARIOS {
        let scenario = scenario::scenario(seed);
        let expected = model::act(&scenario);
        let seen = std::panic::catch_unwind(|| world::act(&scenario));
        let seen = seen.unwrap_or_else(|_| panic!("the world broke down at seed {seed}: {scenario:#?}"));
        if let Some(at) = (0..expected.len().max(seen.len())).find(|&at| expected.get(at) != seen.get(at)) {
            let from = at.saturating_sub(8);
            panic!(
                "seed {seed} differs at {at}: the model saw {:#?}, the world saw {:#?}, after {:#?} in {scenario:#?}",
                expected.get(at),
                seen.get(at),
                &expected[from..at],
            );
        }
        happened.note(&seen);
    }
    // The comparison is worth nothing if the scenarios are dull.
    assert!(happened.starts > 8 * SCENARIOS, "{happened:?}");
    assert!(happened.refusals > SCENARIOS / 4, "{happened:?}");
    assert!(happened.escalations > SCENARIOS / 10, "{happened:?}");
    assert!(happened.kills > SCENARIOS / 10, "{happened:?}");
    assert!(happened.answers > SCENARIOS, "{happened:?}");
}

#[derive(Debug, Default)]
struct Happened {
    starts: u64,
    refusals: u64,
    escalations: u64,
    kills: u64,
    answers: u64,
}

impl Happened {
    fn note(&mut self, seen: &[scenario::Seen]) {
        for it in seen {
            match it {
                scenario::Seen::Started { .. } => self.starts += 1,
                scenario::Seen::Refused { .. } => self.refusals += 1,
                scenario::Seen::SupervisorEnded {
                    as_escalation: true, ..
                } => self.escalations += 1,
                scenario::Seen::Killed { .. } | scenario::Seen::SupervisorKilled { .. } => self.kills += 1,
                scenario::Seen::Answered { .. } => self.answers += 1,
                _ => {}
            }
        }
    }
}
