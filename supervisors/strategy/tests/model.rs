//! The reference: OTP's `supervisor` as its manual and its source describe it, one synchronous process per supervisor.
//!
//! It shares no code with the machine and is built the other way round: plain recursion, no phases, no timers. It has
//! the deviations 1 and 2 of the machine (escalation is abnormal; what was terminated by command stays down).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::child_spec::{AutoShutdown, Restart, Shutdown, Strategy};

use super::scenario::{Happening, How, Node, Order, Plan, Scenario, Script, Seen};

/// What OTP calls a pid: one life of a leaf or of a supervisor.
type Pid = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Undefined,
    Held,
    /// It did not start, and the letter with this stamp tries again. OTP's letters have no stamp, so that one of an
    /// earlier failure can be taken for the latest one.
    Restarting(u64),
    /// It will be started when one before it has been. OTP says `undefined`, and loses track when asked whether it
    /// is active.
    Waiting,
    Up(Pid),
}

struct Child {
    node: Node,
    entry: Entry,
}

enum Letter {
    Exit { pid: Pid, how: How },
    TryAgain { number: u64, stamp: u64 },
}

struct Process {
    node: Node,
    parent: Option<Pid>,
    children: Vec<Child>,
    restarts: Vec<Duration>,
    letters: VecDeque<Letter>,
    in_init: bool,
}

/// Whether a supervisor goes on after something.
#[derive(PartialEq, Eq)]
enum Verdict {
    Go,
    Shutdown,
    Escalate,
}

pub(super) struct Model {
    now: Duration,
    script: Script,
    processes: BTreeMap<Pid, Process>,
    /// Running leaves, and whose they are.
    leaves: BTreeMap<Pid, (u64, Pid)>,
    alive: BTreeSet<Pid>,
    last_pid: Pid,
    /// Exits that are heard after the operation under way: (who hears, whose, how).
    later: VecDeque<(Pid, Pid, How)>,
    seen: Vec<Seen>,
}

/// Acts a scenario out.
pub(super) fn act(scenario: &Scenario) -> Vec<Seen> {
    let mut model = Model {
        now: Duration::ZERO,
        script: scenario.script.clone(),
        processes: BTreeMap::new(),
        leaves: BTreeMap::new(),
        alive: BTreeSet::new(),
        last_pid: 0,
        later: VecDeque::new(),
        seen: Vec::new(),
    };
    let root = model.start_supervisor(&scenario.root, None);
    model.quiet();
    if let Some(root) = root {
        for happening in &scenario.happenings {
            model.happens(happening);
            model.quiet();
        }
        if model.alive.contains(&root) {
            model.shutdown_supervisor(root);
        }
        model.quiet();
    }
    model.seen
}

impl Model {
    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Passes { time } => self.now += *time,
            Happening::Deaf { leaf } => self.script.set_deaf(*leaf),
            Happening::Planned { leaf, plans } => self.script.plan(*leaf, plans),
            Happening::Ends { leaf, how } => {
                let found = self.leaves.iter().find(|(_, (number, _))| number == leaf);
                if let Some((&pid, &(_, parent))) = found {
                    self.leaves.remove(&pid);
                    self.hear(parent, Letter::Exit { pid, how: *how });
                }
            }
            Happening::SupervisorKilled { supervisor } => {
                if let Some(pid) = self.supervisor(*supervisor) {
                    self.seen.push(Seen::SupervisorKilled {
                        supervisor: *supervisor,
                    });
                    let parent = self.processes[&pid].parent;
                    self.wipe(pid);
                    if let Some(parent) = parent {
                        self.hear(
                            parent,
                            Letter::Exit {
                                pid,
                                how: How::Killed,
                            },
                        );
                    }
                }
            }
            Happening::Told { supervisor, order } => {
                if let Some(pid) = self.supervisor(*supervisor) {
                    let with = self.order(pid, order);
                    self.seen.push(Seen::Answered { with });
                    self.work(pid);
                }
            }
        }
    }

    /// Lets everybody hear what they have not heard yet.
    fn quiet(&mut self) {
        while let Some((hearer, pid, how)) = self.later.pop_front() {
            if self.alive.contains(&hearer) {
                self.hear(hearer, Letter::Exit { pid, how });
            }
        }
        let mut running: Vec<u64> = self.leaves.values().map(|&(number, _)| number).collect();
        running.sort_unstable();
        self.seen.push(Seen::Quiet { running });
    }

    fn supervisor(&self, number: u64) -> Option<Pid> {
        let found = self
            .processes
            .iter()
            .find(|(pid, it)| it.node.number == number && self.alive.contains(pid));
        found.map(|(&pid, _)| pid)
    }

    fn process(&mut self, pid: Pid) -> &mut Process {
        self.processes.get_mut(&pid).expect("processes stay in the map")
    }

    fn fresh_pid(&mut self) -> Pid {
        self.last_pid += 1;
        self.last_pid
    }

    // init/1

    fn start_supervisor(&mut self, node: &Node, parent: Option<Pid>) -> Option<Pid> {
        let below = node.below.as_ref().expect("only supervisors are started here");
        let pid = self.fresh_pid();
        let down = |child: &Node| Child {
            node: child.clone(),
            entry: Entry::Undefined,
        };
        let children = below.children.iter().map(down).collect();
        let process = Process {
            node: node.clone(),
            parent,
            children,
            restarts: Vec::new(),
            letters: VecDeque::new(),
            in_init: true,
        };
        self.processes.insert(pid, process);
        self.alive.insert(pid);
        let all = self.numbers(pid);
        if self.start_children(pid, &all).is_err() {
            self.terminate_children(pid, &all);
            self.alive.remove(&pid);
            return None;
        }
        self.seen.push(Seen::SupervisorUp {
            supervisor: node.number,
        });
        self.process(pid).in_init = false;
        let early = std::mem::take(&mut self.process(pid).letters);
        for letter in early {
            if let Letter::Exit { pid: dead, how } = letter {
                self.later.push_back((pid, dead, how));
            }
        }
        Some(pid)
    }

    fn numbers(&self, pid: Pid) -> Vec<u64> {
        self.processes[&pid]
            .children
            .iter()
            .map(|child| child.node.number)
            .collect()
    }

    /// Starts these children in order, up to the first that fails.
    fn start_children(&mut self, pid: Pid, numbers: &[u64]) -> Result<(), u64> {
        for &number in numbers {
            let Some(child) = self.child(pid, number) else {
                continue;
            };
            if child.entry == Entry::Held {
                continue;
            }
            let node = child.node.clone();
            match self.start_child(pid, &node) {
                Some(started) => self.set(pid, number, Entry::Up(started)),
                None => return Err(number),
            }
        }
        Ok(())
    }

    fn start_child(&mut self, parent: Pid, node: &Node) -> Option<Pid> {
        if node.below.is_some() {
            return self.start_supervisor(node, Some(parent));
        }
        let leaf = node.number;
        let plan = self.script.next_start(leaf);
        if plan == Plan::Refuse {
            self.seen.push(Seen::Refused { leaf });
            return None;
        }
        let pid = self.fresh_pid();
        self.seen.push(Seen::Started { leaf, at: self.now });
        match plan {
            Plan::DieAtOnce(how) => self.process(parent).letters.push_back(Letter::Exit { pid, how }),
            Plan::Good | Plan::Refuse => drop(self.leaves.insert(pid, (leaf, parent))),
        }
        Some(pid)
    }

    fn child(&mut self, pid: Pid, number: u64) -> Option<&mut Child> {
        self.process(pid)
            .children
            .iter_mut()
            .find(|child| child.node.number == number)
    }

    fn set(&mut self, pid: Pid, number: u64, entry: Entry) {
        if let Some(child) = self.child(pid, number) {
            child.entry = entry;
        }
    }

    fn remove(&mut self, pid: Pid, number: u64) {
        self.process(pid)
            .children
            .retain(|child| child.node.number != number);
    }

    // handle_info/2 and handle_cast/2

    fn hear(&mut self, pid: Pid, letter: Letter) {
        self.process(pid).letters.push_back(letter);
        self.work(pid);
    }

    /// Handles letters until there is none, or until the supervisor ends.
    fn work(&mut self, pid: Pid) {
        while self.alive.contains(&pid)
            && let Some(letter) = self.process(pid).letters.pop_front()
        {
            let verdict = match letter {
                Letter::Exit { pid: dead, how } => self.restart_child(pid, dead, how),
                Letter::TryAgain { number, stamp } => {
                    match self.child(pid, number).map(|child| child.entry) {
                        Some(Entry::Restarting(latest)) if latest == stamp => self.restart(pid, number),
                        _ => Verdict::Go,
                    }
                }
            };
            if verdict != Verdict::Go {
                self.terminate(pid, verdict == Verdict::Escalate);
            }
        }
    }

    /// terminate/2, by its own decision.
    fn terminate(&mut self, pid: Pid, as_escalation: bool) {
        let all = self.numbers(pid);
        self.terminate_children(pid, &all);
        self.alive.remove(&pid);
        let supervisor = self.processes[&pid].node.number;
        self.seen.push(Seen::SupervisorEnded {
            supervisor,
            as_escalation,
        });
        if let Some(parent) = self.processes[&pid].parent {
            let how = if as_escalation { How::Failed } else { How::Shutdown };
            self.later.push_back((parent, pid, how));
        }
    }

    fn restart_child(&mut self, pid: Pid, dead: Pid, how: How) -> Verdict {
        let found = self.processes[&pid]
            .children
            .iter()
            .find(|child| child.entry == Entry::Up(dead));
        let Some(child) = found else { return Verdict::Go };
        let (number, restart, significant) = (
            child.node.number,
            child.node.spec.restart,
            child.node.spec.significant,
        );
        match (restart, how) {
            (Restart::Permanent, _) | (Restart::Transient, How::Killed | How::Failed) => {
                self.restart(pid, number)
            }
            (Restart::Transient, How::Normal | How::Shutdown) | (Restart::Temporary, _) => {
                self.del_child(pid, number);
                if significant {
                    self.auto_shutdown(pid)
                } else {
                    Verdict::Go
                }
            }
        }
    }

    fn del_child(&mut self, pid: Pid, number: u64) {
        match self.child(pid, number).map(|child| child.node.spec.restart) {
            Some(Restart::Temporary) => self.remove(pid, number),
            _ => self.set(pid, number, Entry::Undefined),
        }
    }

    fn auto_shutdown(&mut self, pid: Pid) -> Verdict {
        let process = &self.processes[&pid];
        let below = process.node.below.as_ref().expect("it is a supervisor");
        let active = |child: &Child| {
            child.node.spec.significant
                && matches!(child.entry, Entry::Up(_) | Entry::Restarting(_) | Entry::Waiting)
        };
        match below.spec.auto_shutdown {
            AutoShutdown::Never => Verdict::Go,
            AutoShutdown::AllSignificant if process.children.iter().any(active) => Verdict::Go,
            AutoShutdown::AnySignificant | AutoShutdown::AllSignificant => Verdict::Shutdown,
        }
    }

    fn restart(&mut self, pid: Pid, number: u64) -> Verdict {
        let now = self.now;
        let spec = self.processes[&pid]
            .node
            .below
            .as_ref()
            .expect("it is a supervisor")
            .spec
            .clone();
        let process = self.process(pid);
        process.restarts.push(now);
        process
            .restarts
            .retain(|&then| now <= then + spec.intensity.period);
        if process.restarts.len() > spec.intensity.restarts as usize {
            self.del_child(pid, number);
            return Verdict::Escalate;
        }
        let all = self.numbers(pid);
        let at = all
            .iter()
            .position(|&other| other == number)
            .expect("the child is known");
        let affected = match spec.strategy {
            Strategy::OneForOne => vec![number],
            Strategy::OneForAll => all,
            Strategy::RestForOne => all[at..].to_vec(),
        };
        self.set(pid, number, Entry::Undefined);
        self.terminate_children(pid, &affected);
        if let Err(failed) = self.start_children(pid, &affected) {
            for &waiting in affected.iter().skip_while(|&&other| other != failed) {
                if let Some(child) = self.child(pid, waiting)
                    && child.entry == Entry::Undefined
                {
                    child.entry = Entry::Waiting;
                }
            }
            let stamp = self.fresh_pid();
            self.set(pid, failed, Entry::Restarting(stamp));
            self.process(pid).letters.push_back(Letter::TryAgain {
                number: failed,
                stamp,
            });
        }
        Verdict::Go
    }

    // terminate_children/2 and shutdown/1

    fn terminate_children(&mut self, pid: Pid, numbers: &[u64]) {
        for &number in numbers.iter().rev() {
            let Some(child) = self.child(pid, number) else {
                continue;
            };
            let (entry, temporary) = (child.entry, child.node.spec.restart == Restart::Temporary);
            if let Entry::Up(victim) = entry {
                let node = child.node.clone();
                self.shutdown(victim, &node);
            }
            match (temporary, entry) {
                (true, _) => self.remove(pid, number),
                (false, Entry::Held) => {}
                (false, _) => self.set(pid, number, Entry::Undefined),
            }
        }
    }

    fn shutdown(&mut self, victim: Pid, node: &Node) {
        if node.below.is_some() {
            if !self.alive.contains(&victim) {
                return;
            }
            if node.spec.shutdown == Shutdown::Brutal {
                self.seen.push(Seen::SupervisorKilled {
                    supervisor: node.number,
                });
                return self.wipe(victim);
            }
            return self.shutdown_supervisor(victim);
        }
        if self.leaves.remove(&victim).is_none() {
            return;
        }
        let leaf = node.number;
        match node.spec.shutdown {
            Shutdown::Brutal => self.seen.push(Seen::Killed { leaf, at: self.now }),
            Shutdown::Infinity => self.seen.push(Seen::Asked { leaf, at: self.now }),
            Shutdown::Within(patience) => {
                self.seen.push(Seen::Asked { leaf, at: self.now });
                if self.script.is_deaf(leaf) {
                    self.now += patience;
                    self.seen.push(Seen::Killed { leaf, at: self.now });
                }
            }
        }
    }

    /// terminate/2, because it was asked to.
    fn shutdown_supervisor(&mut self, pid: Pid) {
        let all = self.numbers(pid);
        self.terminate_children(pid, &all);
        self.alive.remove(&pid);
        let supervisor = self.processes[&pid].node.number;
        self.seen.push(Seen::SupervisorEnded {
            supervisor,
            as_escalation: false,
        });
    }

    /// A kill takes all below along, without a word.
    fn wipe(&mut self, pid: Pid) {
        self.alive.remove(&pid);
        self.leaves.retain(|_, &mut (_, parent)| parent != pid);
        let below = self
            .processes
            .iter()
            .filter(|(_, process)| process.parent == Some(pid));
        let below: Vec<Pid> = below
            .map(|(&child, _)| child)
            .filter(|child| self.alive.contains(child))
            .collect();
        for child in below {
            self.wipe(child);
        }
    }

    // handle_call/3

    fn order(&mut self, pid: Pid, order: &Order) -> &'static str {
        match order {
            Order::Add { leaf } => match self.child(pid, leaf.number).map(|child| child.entry) {
                Some(Entry::Up(_) | Entry::Restarting(_) | Entry::Waiting) => "already started",
                Some(Entry::Undefined | Entry::Held) => "already present",
                None => match self.start_child(pid, leaf) {
                    Some(started) => {
                        let child = Child {
                            node: Node::clone(leaf),
                            entry: Entry::Up(started),
                        };
                        self.process(pid).children.push(child);
                        "ok"
                    }
                    None => "start failed",
                },
            },
            Order::Terminate { number } => {
                let Some(child) = self.child(pid, *number) else {
                    return "not found";
                };
                let (entry, node) = (child.entry, child.node.clone());
                if let Entry::Up(victim) = entry {
                    self.shutdown(victim, &node);
                }
                self.del_child(pid, *number);
                self.set(pid, *number, Entry::Held);
                "ok"
            }
            Order::Restart { number } => match self.child(pid, *number).map(|child| child.entry) {
                None => "not found",
                Some(Entry::Up(_)) => "running",
                Some(Entry::Restarting(_) | Entry::Waiting) => "restarting",
                Some(Entry::Undefined | Entry::Held) => {
                    let node = self.child(pid, *number).expect("it was found").node.clone();
                    let started = self.start_child(pid, &node);
                    self.set(pid, *number, started.map_or(Entry::Held, Entry::Up));
                    if started.is_some() { "ok" } else { "start failed" }
                }
            },
            Order::Delete { number } => match self.child(pid, *number).map(|child| child.entry) {
                None => "not found",
                Some(Entry::Up(_)) => "running",
                Some(Entry::Restarting(_) | Entry::Waiting) => "restarting",
                Some(Entry::Undefined | Entry::Held) => {
                    self.remove(pid, *number);
                    "ok"
                }
            },
        }
    }
}
