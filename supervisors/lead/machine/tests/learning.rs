//! What a job takes from the knowledge and hands back, and that it waits for no knowledge that is away.

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_contracts::id::{JobId, ReceiptId};
use anthill_contracts::signal::{EvidenceClass, Outcome, Polarity, Proposal, SignalBody, Trigger};

use super::world::receipt;
use super::*;

fn count(world: &World, kind: &str) -> usize {
    kinds(world).iter().filter(|found| **found == kind).count()
}

/// The outcomes that were credited, one for each receipt.
fn credited(world: &World) -> BTreeMap<ReceiptId, Option<Outcome>> {
    let mut credited = BTreeMap::new();
    for event in world.journal.iter().flatten() {
        if let JobEvent::SignalCredited {
            receipt_id, outcome, ..
        } = event
        {
            let earlier = credited.insert(*receipt_id, outcome.clone());
            assert!(earlier.is_none(), "{receipt_id} is credited twice");
        }
    }
    credited
}

fn exposed(world: &World) -> Vec<ReceiptId> {
    let exposed = world.journal.iter().flatten().filter_map(|event| match event {
        JobEvent::SignalExposed { receipt, .. } => Some(receipt.receipt_id),
        _ => None,
    });
    exposed.collect()
}

fn reader(index: u32) -> ReceiptId {
    let task_id = TaskId::derive(JobId::new(1, 1), "read", Some(index));
    ReceiptId::derive(task_id, "worker")
}

fn score(world: &World, receipt_id: ReceiptId) -> Option<(u16, EvidenceClass)> {
    let outcome = credited(world).remove(&receipt_id)?;
    outcome.map(|outcome| (outcome.score_milli, outcome.class))
}

#[test]
fn every_agent_that_asks_a_model_is_shown_something_and_credited() {
    let mut world = World::new(3, Limits::default());
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
    assert_eq!(exposed(&world).len(), 5, "a plan, three readers and a writer");
    assert_eq!(credited(&world).len(), 5);
    assert_eq!(score(&world, reader(1)), Some((1000, EvidenceClass::Verifier)));
    let planner = ReceiptId::derive(TaskId::planning(JobId::new(1, 1)), "planner");
    assert_eq!(
        score(&world, planner),
        Some((1000, EvidenceClass::Verifier)),
        "the final review's score"
    );
    let last = kinds(&world).pop();
    assert_eq!(last, Some("job_succeeded"), "nothing is credited after the end");
}

#[test]
fn a_resumed_job_shows_what_it_showed_and_credits_once() {
    let mut whole = World::new(3, Limits::default());
    whole.run();
    for frames in 1..whole.journal.len() {
        let mut world = World::resumed(&whole, frames);
        world.run();
        let shown = exposed(&world);
        let distinct: BTreeSet<_> = shown.iter().collect();
        assert_eq!((shown.len(), distinct.len()), (5, 5), "after {frames} frames");
        assert_eq!(credited(&world).len(), 5, "after {frames} frames");
    }
}

#[test]
fn a_knowledge_that_is_away_costs_nothing() {
    let mut world = World::new(3, Limits::default());
    world.knows = false;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
    assert_eq!(count(&world, "signal_exposed"), 0);
    assert!(world.concluded.is_empty());
}

#[test]
fn who_takes_no_part_asks_and_tells_nothing() {
    let mut world = World::new(3, Limits::default());
    world.spec.knowledge.used = false;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
    assert_eq!(count(&world, "signal_exposed"), 0);
    assert!(world.concluded.is_empty());
}

#[test]
fn earlier_work_is_shown_nothing() {
    let mut world = World::new(3, Limits::default());
    world.behaviour.remembers = true;
    world.run();
    assert_eq!(exposed(&world).len(), 1, "the planner alone");
}

#[test]
fn what_nobody_acknowledged_is_told_again_by_the_next_lead() {
    let budget = Limits {
        steps: Some(2),
        ..Limits::default()
    };
    let mut world = World::new(4, budget);
    world.acknowledges = false;
    assert_eq!(world.run().job().status, JobStatus::Paused);
    assert!(!world.concluded.is_empty());
    assert_eq!(count(&world, "signal_credited"), 0);
    let mut resumed = World::resumed(&world, world.journal.len());
    resumed.topup = Some(Limits {
        steps: Some(100),
        ..Limits::default()
    });
    assert_eq!(resumed.run().job().status, JobStatus::Succeeded);
    assert_eq!(credited(&resumed).len(), exposed(&resumed).len());
}

#[test]
fn mended_work_tells_what_was_wrong_with_it() {
    let mut world = World::new(1, Limits::default());
    world.behaviour.rejections = 1;
    world.behaviour.lessons = [Polarity::Do, Polarity::Avoid, Polarity::Do, Polarity::Do]
        .map(lesson)
        .to_vec();
    world.run();
    let (_, _, proposals) = world
        .concluded
        .iter()
        .find(|(receipt_id, ..)| *receipt_id == reader(0))
        .expect("the reader is concluded");
    assert_eq!(proposals.len(), 3, "one of the runtime's and two of the agent's");
    let SignalBody::Text { text } = &proposals[0].body else {
        panic!("words");
    };
    assert!(text.contains("quote_not_found"), "{text}");
    assert_eq!(proposals[0].polarity, Polarity::Avoid);
    assert!(
        proposals[1..]
            .iter()
            .all(|lesson| lesson.polarity == Polarity::Do)
    );
}

/// The frame with which the first version of a job is posted, counted from 1.
fn first_posted(world: &World) -> usize {
    let posts = |event: &JobEvent| matches!(event, JobEvent::ArtifactPosted { .. });
    let frame = world.journal.iter().position(|frame| frame.iter().any(posts));
    frame.expect("a version is posted") + 1
}

/// A lead that died between a version and its review took along what the version's author had learned.
#[test]
fn what_an_agent_has_learned_outlives_the_lead() {
    let mut whole = World::new(2, Limits::default());
    whole.behaviour.lessons = [Polarity::Do, Polarity::Avoid].map(lesson).to_vec();
    whole.run();
    for frames in first_posted(&whole)..whole.journal.len() {
        // Its agents have learned nothing more.
        let mut world = World::resumed(&whole, frames);
        world.run();
        for (receipt_id, _, proposals) in &world.concluded {
            let has_posted = |event: &JobEvent| match event {
                JobEvent::ArtifactPosted { task_id, .. } => {
                    ReceiptId::derive(*task_id, "worker") == *receipt_id
                }
                _ => false,
            };
            let expected: &[Proposal] = if whole.journal[..frames].iter().flatten().any(has_posted) {
                &[lesson(Polarity::Do)]
            } else {
                &[]
            };
            assert_eq!(proposals, expected, "{receipt_id} after {frames} frames");
        }
    }
}

#[test]
fn lessons_of_work_that_nobody_judged_are_none() {
    let mut world = World::new(1, Limits::default());
    world.behaviour.lessons = vec![lesson(Polarity::Do)];
    world.run();
    let task_id = TaskId::derive(JobId::new(1, 1), "read", Some(0));
    let cancelled = [
        JobEvent::TaskCancelled {
            task_id,
            reason: ReasonCode::Cancelled,
        },
        JobEvent::JobCancelled { wall_ms: 1 },
    ];
    let mut job = JobState::new(JobId::new(1, 1));
    let frames = &world.journal[..first_posted(&world)];
    frames
        .iter()
        .flatten()
        .chain(&cancelled)
        .for_each(|event| job.apply(event));
    assert_eq!(
        job.receipts[&reader(0)].proposals,
        [lesson(Polarity::Do)],
        "on record"
    );
    let untold = Lead::untold(job, Timestamp(7));
    let end = untold.iter().find(|end| end.receipt.receipt_id == reader(0));
    let end = end.expect("nobody was told");
    assert_eq!((&end.outcomes[..], &end.proposals[..]), (&[][..], &[][..]));
}

/// What a job had to teach was given up when the knowledge did not answer before its end.
#[test]
fn the_journal_of_an_ended_job_tells_what_its_lead_would_have_told() {
    type Mischief = fn(&mut World);
    let mischief: [(&str, Mischief); 6] = [
        ("nothing", |_| ()),
        ("mended work", |world| world.behaviour.rejections = 1),
        ("refused work", |world| world.behaviour.rejections = 3),
        ("poison", |world| world.behaviour.crashes = 3),
        ("a refused plan", |world| {
            world.plan_reasons = vec!["no end".to_owned()];
        }),
        ("a cancelled job", |world| world.cancel_after_frames = Some(6)),
    ];
    for (name, befall) in mischief {
        let mut world = World::new(3, Limits::default());
        world.acknowledges = false;
        world.behaviour.lessons = [Polarity::Do, Polarity::Avoid].map(lesson).to_vec();
        befall(&mut world);
        let lead = world.run();
        assert!(lead.job().status.is_terminal(), "{name}: {}", lead.job().status);
        let timeless = |outcomes: &[Outcome]| -> Vec<(u16, EvidenceClass)> {
            outcomes
                .iter()
                .map(|outcome| (outcome.score_milli, outcome.class))
                .collect()
        };
        let told: BTreeMap<_, _> = world
            .concluded
            .iter()
            .map(|(id, outcomes, proposals)| (*id, (timeless(outcomes), proposals.clone())))
            .collect();
        let untold: BTreeMap<_, _> = Lead::untold(lead.job().clone(), Timestamp(7))
            .into_iter()
            .map(|end| (end.receipt.receipt_id, (timeless(&end.outcomes), end.proposals)))
            .collect();
        assert!(!told.is_empty(), "{name}");
        assert_eq!(untold, told, "{name}");
    }
    let mut world = World::new(3, Limits::default());
    let lead = world.run();
    assert!(
        Lead::untold(lead.job().clone(), Timestamp(7)).is_empty(),
        "all was acknowledged"
    );
}

#[test]
fn refused_work_is_worth_nothing_and_warns() {
    let mut world = World::new(1, Limits::default());
    world.behaviour.rejections = 3;
    world.behaviour.lessons = [Polarity::Do, Polarity::Avoid].map(lesson).to_vec();
    assert_eq!(world.run().job().status, JobStatus::Failed);
    assert_eq!(score(&world, reader(0)), Some((0, EvidenceClass::Verifier)));
    let (_, _, proposals) = world
        .concluded
        .iter()
        .find(|(receipt_id, ..)| *receipt_id == reader(0))
        .expect("the reader is concluded");
    assert_eq!(proposals.len(), 1);
    assert_eq!(proposals[0].polarity, Polarity::Avoid);
}

#[test]
fn what_says_nothing_of_the_work_is_no_outcome() {
    let mut world = World::new(2, Limits::default());
    world.behaviour.crashes = 3;
    world.run();
    assert_eq!(credited(&world).get(&reader(0)), Some(&None), "it was poison");

    let mut world = World::new(4, Limits::default());
    world.cancel_after_frames = Some(5);
    assert_eq!(world.run().job().status, JobStatus::Cancelled);
    assert_eq!(credited(&world).len(), exposed(&world).len());
}

#[test]
fn an_answer_to_another_question_is_none() {
    let mut world = World::new(1, Limits::default());
    world.spec.shape = anthill_contracts::spec::Shape::MapReduceVerify;
    let mut lead = world.run();
    let key = AgentKey {
        task_id: TaskId::planning(JobId::new(1, 1)),
        attempt: 1,
        kind: AgentKind::Planner,
    };
    let mut out = Vec::new();
    let late = LeadInput::Recalled {
        key,
        receipt: Some(Box::new(receipt(key))),
    };
    lead.step(Cx::default(), late, &mut out);
    assert!(out.is_empty(), "nobody asked");
}

fn lesson(polarity: Polarity) -> Proposal {
    Proposal {
        polarity,
        body: SignalBody::Text {
            text: "Read the end first.".to_owned(),
        },
        trigger: Trigger::default(),
        parents: Vec::new(),
        source: String::new(),
    }
}

#[test]
fn a_run_is_concluded_with_what_its_steps_have_spent_whoever_concludes_it() {
    let costly = |world: &mut World| {
        world.behaviour.cost = Amount {
            tokens_in: 700,
            tokens_out: 30,
            ..Amount::ZERO
        };
    };
    let mut whole = World::new(3, Limits::default());
    costly(&mut whole);
    let job = whole.run().job().spent();
    let spent: BTreeMap<_, _> = whole.spent.iter().copied().collect();
    let of = |receipt_id| spent[&receipt_id].expect("a run that was made");
    let reader = of(reader(1));
    assert!(reader.tokens_in >= 700 && reader.tokens_out >= 30, "{reader:?}");
    let planner = of(ReceiptId::derive(TaskId::planning(JobId::new(1, 1)), "planner"));
    assert_eq!(
        (planner.tokens_in, planner.tokens_out),
        (job.tokens_in, job.tokens_out),
        "a plan costs what its job costs"
    );
    for frames in 1..whole.journal.len() {
        let mut world = World::resumed(&whole, frames);
        costly(&mut world);
        world.run();
        for (receipt_id, told) in &world.spent {
            assert_eq!(
                Some(told),
                spent.get(receipt_id),
                "{receipt_id} after {frames} frames"
            );
        }
    }
}
