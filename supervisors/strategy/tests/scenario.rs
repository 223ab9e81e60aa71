//! Random trees of supervisors, and what happens to them. Data only: the model and the world both act it out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::child_spec::{AutoShutdown, ChildSpec, Restart, Shutdown, Strategy, SupervisorSpec};

/// `SplitMix64`, so that a scenario is its seed.
#[derive(Clone)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let len = u64::try_from(from.len()).expect("slices are small");
        from[usize::try_from(self.below(len)).expect("smaller than a slice")]
    }
}

/// A child with all below it. The number is its name, unique in the tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) number: u64,
    pub(super) spec: ChildSpec,
    /// None for a leaf.
    pub(super) below: Option<Below>,
}

/// What a supervisor consists of.
#[derive(Debug, Clone)]
pub(super) struct Below {
    pub(super) spec: SupervisorSpec,
    pub(super) children: Vec<Node>,
}

/// How a leaf ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Normal,
    Shutdown,
    Killed,
    Failed,
}

/// What a start of a leaf comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Good,
    Refuse,
    /// It starts, and is dead before anybody does anything else.
    DieAtOnce(How),
}

/// What leaves do, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    plans: BTreeMap<u64, VecDeque<Plan>>,
    deaf: BTreeMap<u64, bool>,
}

impl Script {
    pub(super) fn next_start(&mut self, leaf: u64) -> Plan {
        self.plans
            .get_mut(&leaf)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Plan::Good)
    }

    pub(super) fn is_deaf(&self, leaf: u64) -> bool {
        self.deaf.get(&leaf).copied().unwrap_or(false)
    }

    pub(super) fn plan(&mut self, leaf: u64, plans: &[Plan]) {
        self.plans.entry(leaf).or_default().extend(plans);
    }

    pub(super) fn set_deaf(&mut self, leaf: u64) {
        self.deaf.insert(leaf, true);
    }
}

/// Something that happens while all is quiet.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// A running leaf ends.
    Ends { leaf: u64, how: How },
    /// A running supervisor is killed, with all below it.
    SupervisorKilled { supervisor: u64 },
    /// The next starts of a leaf come to this.
    Planned { leaf: u64, plans: Vec<Plan> },
    /// A leaf ignores stops from now on.
    Deaf { leaf: u64 },
    /// Time passes.
    Passes { time: Duration },
    /// A running supervisor gets a command.
    Told { supervisor: u64, order: Order },
}

#[derive(Debug, Clone)]
pub(super) enum Order {
    Add { leaf: Box<Node> },
    Terminate { number: u64 },
    Restart { number: u64 },
    Delete { number: u64 },
}

/// What both sides must agree on, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Started { leaf: u64, at: Duration },
    Refused { leaf: u64 },
    Asked { leaf: u64, at: Duration },
    Killed { leaf: u64, at: Duration },
    SupervisorUp { supervisor: u64 },
    SupervisorKilled { supervisor: u64 },
    SupervisorEnded { supervisor: u64, as_escalation: bool },
    Answered { with: &'static str },
    Quiet { running: Vec<u64> },
}

/// A root, and its fate.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) root: Node,
    pub(super) script: Script,
    pub(super) happenings: Vec<Happening>,
}

/// Makes the scenario of a seed.
pub(super) fn scenario(seed: u64) -> Scenario {
    let mut maker = Maker {
        rng: Rng(seed),
        last: 0,
        leaves: Vec::new(),
        supervisors: Vec::new(),
    };
    let root = maker.supervisor(0, AutoShutdown::Never);
    let mut script = Script::default();
    for _ in 0..maker.rng.below(3) {
        if let Some(leaf) = maker.any_leaf() {
            let plans = maker.plans();
            script.plan(leaf, &plans);
        }
    }
    let happenings = (0..8 + maker.rng.below(24)).map(|_| maker.happening()).collect();
    Scenario {
        root,
        script,
        happenings,
    }
}

struct Maker {
    rng: Rng,
    last: u64,
    leaves: Vec<u64>,
    supervisors: Vec<u64>,
}

impl Maker {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn supervisor(&mut self, depth: u64, parent: AutoShutdown) -> Node {
        let number = self.number();
        self.supervisors.push(number);
        let auto_shutdown = match self.rng.below(4) {
            0 => AutoShutdown::AnySignificant,
            1 => AutoShutdown::AllSignificant,
            _ => AutoShutdown::Never,
        };
        let strategy = self
            .rng
            .pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
        let intensity = u32::try_from(self.rng.below(4) + 4 * u64::from(depth == 0)).expect("small");
        let spec = SupervisorSpec::new(number.to_string())
            .strategy(strategy)
            .auto_shutdown(auto_shutdown)
            .intensity(intensity, Duration::from_secs(1 + self.rng.below(10)));
        let count = self.rng.below(5) + 2 * u64::from(depth == 0);
        let children = (0..count)
            .map(|_| {
                if depth < 2 && self.rng.once_in(3) {
                    self.supervisor(depth + 1, auto_shutdown)
                } else {
                    self.leaf(auto_shutdown)
                }
            })
            .collect();
        let shutdown = match self.rng.below(6) {
            0 => Shutdown::Brutal,
            1 => Shutdown::Within(Duration::from_hours(1)),
            _ => Shutdown::Infinity,
        };
        let child = ChildSpec::supervisor(number.to_string()).shutdown(shutdown);
        Node {
            number,
            spec: self.fate(child, parent),
            below: Some(Below { spec, children }),
        }
    }

    fn leaf(&mut self, parent: AutoShutdown) -> Node {
        let number = self.number();
        self.leaves.push(number);
        let shutdown = match self.rng.below(3) {
            0 => Shutdown::Brutal,
            _ => Shutdown::Within(Duration::from_secs(1 + self.rng.below(3))),
        };
        let child = ChildSpec::worker(number.to_string()).shutdown(shutdown);
        Node {
            number,
            spec: self.fate(child, parent),
            below: None,
        }
    }

    fn fate(&mut self, child: ChildSpec, parent: AutoShutdown) -> ChildSpec {
        let restart = self
            .rng
            .pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
        let child = child.restart(restart);
        let may = restart != Restart::Permanent && parent != AutoShutdown::Never;
        if may && self.rng.once_in(2) {
            child.significant()
        } else {
            child
        }
    }

    fn any_leaf(&mut self) -> Option<u64> {
        (!self.leaves.is_empty()).then(|| self.rng.pick(&self.leaves))
    }

    fn how(&mut self) -> How {
        self.rng.pick(&[
            How::Normal,
            How::Shutdown,
            How::Killed,
            How::Failed,
            How::Failed,
            How::Failed,
        ])
    }

    fn plans(&mut self) -> Vec<Plan> {
        let count = 1 + self.rng.below(3);
        (0..count)
            .map(|_| match self.rng.below(5) {
                0 => Plan::Good,
                1 | 2 => Plan::DieAtOnce(self.how()),
                _ => Plan::Refuse,
            })
            .collect()
    }

    fn happening(&mut self) -> Happening {
        let time = Duration::from_millis(self.rng.below(4_000));
        let Some(leaf) = self.any_leaf() else {
            return Happening::Passes { time };
        };
        match self.rng.below(12) {
            0..5 => Happening::Ends {
                leaf,
                how: self.how(),
            },
            5 | 6 => Happening::Planned {
                leaf,
                plans: self.plans(),
            },
            7 => Happening::Deaf { leaf },
            8 => Happening::SupervisorKilled {
                supervisor: self.rng.pick(&self.supervisors),
            },
            9 => Happening::Passes { time },
            _ => Happening::Told {
                supervisor: self.rng.pick(&self.supervisors),
                order: self.order(),
            },
        }
    }

    fn order(&mut self) -> Order {
        // Half of the targets are children of somebody else, or do not exist any more.
        let number = 1 + self.rng.below(self.last);
        match self.rng.below(4) {
            0 => {
                let mut leaf = self.leaf(AutoShutdown::Never);
                if self.rng.once_in(4) {
                    leaf.number = number;
                    leaf.spec.id = number.to_string().into();
                }
                Order::Add { leaf: Box::new(leaf) }
            }
            1 => Order::Restart { number },
            2 => Order::Delete { number },
            _ => Order::Terminate { number },
        }
    }
}
