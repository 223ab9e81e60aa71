//! What one seed is about: the job, its budget, and how hard which fault strikes.
//!
//! Intensities are drawn per seed instead of being fixed, because a bug that needs calm in one place and a storm in
//! another is never met under one average weather.

use anthill_contracts::budget::{Amount, Limits, Span, Usd};
use anthill_contracts::digest::Digest;
use anthill_contracts::plan::{DocumentSlice, Item, NodeKind, Plan, PlanNode, Role};
use anthill_contracts::spec::JobSpec;

use crate::dice::Dice;

/// The most that one model call may cost; what agents reserve lies below.
pub(crate) const ASK_WORST: Amount = Amount {
    tokens_in: 100,
    tokens_out: 50,
    usd_micro: 1_000,
    tool_calls: 0,
    steps: 1,
    wall_ms: 0,
    agents: 0,
};

/// What one tool call costs.
pub(crate) const TOOL_COST: Amount = Amount {
    tool_calls: 1,
    steps: 1,
    ..Amount::ZERO
};

/// The most that any step may cost, in each dimension.
pub(crate) const STEP_WORST: Amount = Amount {
    tool_calls: 1,
    ..ASK_WORST
};

/// The job of a seed.
#[derive(Debug, Clone)]
pub(crate) struct JobPlan {
    /// What is asked for.
    pub(crate) spec: JobSpec,
    /// The plan that its planner will make.
    pub(crate) plan: Plan,
    /// What the listing will say.
    pub(crate) items: Vec<Item>,
    /// Whether the budget may run out.
    pub(crate) is_tight: bool,
    /// Whether a model writes the plan.
    pub(crate) by_model: bool,
}

/// How rare something is: once in so many chances, never where zero.
pub(crate) type Rarity = u32;

/// How hard faults strike in this seed.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// A node crashes at a site of its own.
    pub(crate) node_crash: Rarity,
    /// The store crashes at a site of its own.
    pub(crate) store_crash: Rarity,
    /// An agent crashes at a site of its own.
    pub(crate) agent_crash: Rarity,
    /// A crash of a node or the store is a power cut for all of them.
    pub(crate) power_cut: Rarity,
    /// A message takes very long.
    pub(crate) straggler: Rarity,
    /// Another node takes the job over, or a node freezes: mean milliseconds between two such events, 0 for never.
    pub(crate) unrest_ms: u64,
    /// Faults stop at this time.
    pub(crate) calm_at_ms: u64,
}

/// How the outside behaves in this seed.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// Longest ordinary delay of a message.
    pub(crate) net_ms_max: u64,
    /// Longest wait of a group before it is synced.
    pub(crate) sync_ms_max: u64,
    /// Longest time of a model call.
    pub(crate) model_ms_max: u64,
    /// Most tool calls that one reply asks for.
    pub(crate) calls_max: u64,
    /// An answer does not fit its contract.
    pub(crate) misfit: Rarity,
    /// A critic rejects.
    pub(crate) rejection: Rarity,
    /// The provider fails.
    pub(crate) provider_failure: Rarity,
    /// A document changes under those who write about it.
    pub(crate) change: Rarity,
    /// A plan does not pass validation.
    pub(crate) bad_plan: Rarity,
    /// Earlier work is found.
    pub(crate) memo: Rarity,
    /// The knowledge does not answer in time.
    pub(crate) knowledge_away: Rarity,
    /// When somebody cancels the job, if ever.
    pub(crate) cancel_at_ms: Option<u64>,
    /// When the node is told to stop, if ever.
    pub(crate) interrupt_at_ms: Option<u64>,
    /// How often the operator raises a limit that was reached.
    pub(crate) topups: u32,
}

/// Everything that a seed fixes before it begins.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    /// How many nodes there are.
    pub(crate) nodes: usize,
    /// The job.
    pub(crate) job: JobPlan,
    /// The faults.
    pub(crate) weather: Weather,
    /// The outside.
    pub(crate) manners: Manners,
}

impl Swarm {
    /// Draws a swarm.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            nodes: 1 + dice.index(2),
            job: draw_job(dice),
            weather: draw_weather(dice),
            manners: draw_manners(dice),
        }
    }
}

fn draw_weather(dice: &mut Dice) -> Weather {
    const RARITIES: [Rarity; 5] = [0, 300, 100, 40, 15];
    Weather {
        node_crash: dice.pick(&RARITIES),
        store_crash: dice.pick(&RARITIES),
        agent_crash: dice.pick(&RARITIES),
        power_cut: dice.pick(&[0, 8, 2]),
        straggler: dice.pick(&[0, 60, 12]),
        unrest_ms: dice.pick(&[0, 0, 2_000, 500, 150]),
        calm_at_ms: dice.between(500, 8_000),
    }
}

fn draw_manners(dice: &mut Dice) -> Manners {
    let cancelled = dice.one_in(12);
    let interrupted = dice.one_in(8);
    Manners {
        net_ms_max: dice.pick(&[2, 10, 60]),
        sync_ms_max: dice.pick(&[1, 8, 40]),
        model_ms_max: dice.pick(&[5, 100, 600]),
        calls_max: dice.between(0, 4),
        misfit: dice.pick(&[0, 12, 5]),
        rejection: dice.pick(&[0, 10, 4]),
        provider_failure: dice.pick(&[0, 0, 40]),
        bad_plan: dice.pick(&[0, 0, 4]),
        memo: dice.pick(&[0, 0, 4]),
        knowledge_away: dice.pick(&[0, 0, 8, 2]),
        cancel_at_ms: cancelled.then(|| dice.between(1, 3_000)),
        interrupt_at_ms: interrupted.then(|| dice.between(1, 3_000)),
        topups: u32::try_from(dice.between(0, 3)).unwrap_or(0),
        change: dice.pick(&[0, 0, 8, 3]),
    }
}

fn draw_job(dice: &mut Dice) -> JobPlan {
    let documents = dice.between(1, 4);
    let items = (0..documents).map(document).collect();
    let (plan, has_tight_nodes) = (draw_plan(dice), dice.one_in(8));
    let text = serde_json::json!({"name": "sim", "goal": "why?"});
    let mut spec: JobSpec = serde_json::from_value(text).expect("the smallest spec is valid");
    spec.review.rounds = dice.pick(&[0, 1, 2, 4]);
    spec.review.opinion = dice.one_in(3);
    spec.knowledge.used = !dice.one_in(6);
    spec.work.workers_max = dice.pick(&[1, 2, 8]);
    spec.work.attempts_max = dice.pick(&[2, 3, 6]);
    spec.work.steps_per_task_max = if has_tight_nodes { 3 } else { 64 };
    let is_tight = dice.one_in(4);
    spec.budget = if is_tight {
        draw_tight_budget(dice)
    } else {
        draw_budget(dice)
    };
    JobPlan {
        spec,
        plan,
        items,
        is_tight,
        by_model: dice.one_in(6),
    }
}

fn document(index: u64) -> Item {
    let path = format!("d{index}");
    let digest = Digest::of(path.as_bytes());
    Item {
        label: path.clone(),
        document: Some(DocumentSlice {
            path,
            digest,
            start: 0,
            end: 1,
        }),
        kind: None,
    }
}

/// No limit, or enough for every step that the job can take.
fn draw_budget(dice: &mut Dice) -> Limits {
    if dice.one_in(3) {
        return Limits::default();
    }
    Limits {
        tokens_in: Some(ASK_WORST.tokens_in * 1_000),
        tokens_out: Some(ASK_WORST.tokens_out * 1_000),
        usd: Some(Usd(ASK_WORST.usd_micro * 1_000)),
        tool_calls: Some(1_000),
        steps: Some(1_000),
        ..Limits::default()
    }
}

fn draw_tight_budget(dice: &mut Dice) -> Limits {
    let calls = dice.between(1, 14);
    let mut limits = Limits::default();
    match dice.index(7) {
        0 => limits.tokens_in = Some(calls * ASK_WORST.tokens_in),
        1 => limits.tokens_out = Some(calls * ASK_WORST.tokens_out),
        2 => limits.usd = Some(Usd(calls * ASK_WORST.usd_micro)),
        3 => limits.tool_calls = Some(calls),
        4 => limits.steps = Some(calls),
        5 => limits.agents = Some(calls),
        _ => limits.wall = Some(Span(calls * 300)),
    }
    limits
}

fn node(id: &str, kind: NodeKind, role: Option<Role>, deps: &[&str]) -> PlanNode {
    PlanNode {
        id: id.to_owned(),
        kind,
        role,
        deps: deps.iter().map(|dep| (*dep).to_owned()).collect(),
        over: None,
        items: Vec::new(),
        instructions: None,
        review: role.is_some_and(|role| role != Role::Nobody),
        budget: Limits::default(),
        optional: false,
    }
}

fn listing() -> PlanNode {
    node("documents", NodeKind::Documents, None, &[])
}

fn read() -> PlanNode {
    let over = Some("documents".to_owned());
    PlanNode {
        over,
        ..node("read", NodeKind::Map, Some(Role::Reader), &["documents"])
    }
}

fn answer() -> PlanNode {
    node("answer", NodeKind::Agent, Some(Role::Generalist), &[])
}

fn noops(id: &str, count: u64, dep: &str) -> PlanNode {
    let items = (0..count).map(|index| format!("n{index}")).collect();
    PlanNode {
        items,
        ..node(id, NodeKind::Map, Some(Role::Nobody), &[dep])
    }
}

fn brief(deps: &[&str]) -> PlanNode {
    node("brief", NodeKind::Reduce, Some(Role::Writer), deps)
}

fn verify(dep: &str) -> PlanNode {
    node("verify", NodeKind::Verify, None, &[dep])
}

fn draw_plan(dice: &mut Dice) -> Plan {
    let (noop_count, pass) = (dice.between(0, 5), node("pass", NodeKind::Pass, None, &["noop"]));
    let mut nodes = match dice.index(6) {
        0 | 1 => vec![listing(), read(), brief(&["read"]), verify("brief")],
        2 => vec![answer(), verify("answer")],
        3 => vec![
            listing(),
            answer(),
            read(),
            brief(&["read", "answer"]),
            verify("brief"),
        ],
        4 => vec![
            answer(),
            noops("noop", noop_count, "answer"),
            pass,
            brief(&["pass"]),
            verify("brief"),
        ],
        // Two branches, so that one can break while the other is at work.
        _ => vec![
            listing(),
            read(),
            answer(),
            noops("noop", noop_count, "answer"),
            noops("again", noop_count, "noop"),
            brief(&["read", "again"]),
            verify("brief"),
        ],
    };
    for work in nodes.iter_mut().filter(|node| node.review) {
        work.review = !dice.one_in(5);
        work.optional = dice.one_in(6);
    }
    if dice.one_in(3) {
        // The order in which nodes are shown decides nothing.
        dice.shuffle(&mut nodes);
    }
    Plan { nodes }
}
