//! What a job begins with is on record before anybody is shown anything, and every lead goes by it.

use super::world::cut;
use super::*;

/// The cuts that the journal names.
fn cuts(world: &World) -> Vec<Cut> {
    let events = world.journal.iter().flatten();
    events
        .filter_map(|event| match event {
            JobEvent::KnowledgeCut { cut, .. } => Some(*cut),
            _ => None,
        })
        .collect()
}

/// By which seed each agent of the job was asked for, whichever task it was.
fn seeds(world: &World, lead: &Lead) -> BTreeMap<(String, Option<String>, &'static str), Digest> {
    let job = lead.job();
    world
        .recalled
        .iter()
        .map(|(key, seed, _)| {
            let node = job.node_of(key.task_id).map(|(_, node)| node.id.clone());
            let item = job.tasks.get(&key.task_id).and_then(|task| task.item.as_ref());
            let label = item.map(|item| item.label.clone());
            ((node.unwrap_or_default(), label, key.kind.as_str()), *seed)
        })
        .collect()
}

#[test]
fn the_moment_is_on_record_once_and_before_anything_is_shown() {
    let mut world = World::new(3, Limits::default());
    world.run();
    assert_eq!(cuts(&world), [cut(1)]);
    let kinds = kinds(&world);
    let place = |kind: &str| kinds.iter().position(|found| *found == kind);
    assert!(place("knowledge_cut") < place("signal_exposed"), "{kinds:?}");
    assert!(world.recalled.iter().all(|(_, _, asked)| *asked == Some(cut(1))));
}

#[test]
fn a_lead_that_takes_over_goes_by_what_the_job_began_with() {
    let mut whole = World::new(3, Limits::default());
    let expected = {
        let lead = whole.run();
        seeds(&whole, &lead)
    };
    for frames in 1..whole.journal.len() {
        let mut world = World::resumed(&whole, frames);
        let lead = world.run();
        assert_eq!(cuts(&world), [cut(1)], "after {frames} frames");
        for (of, seed) in seeds(&world, &lead) {
            assert_eq!(expected.get(&of), Some(&seed), "{of:?} after {frames} frames");
        }
    }
}

#[test]
fn another_moment_is_on_record_where_what_was_held_is_gone() {
    let mut world = World::new(3, Limits::default());
    world.loses = 1;
    world.run();
    assert_eq!(cuts(&world), [cut(1), cut(2)]);
    assert!(world.recalled.iter().all(|(_, _, asked)| *asked == Some(cut(2))));
    // A knowledge that loses everything it is asked for is left alone, and the job goes on.
    let mut world = World::new(3, Limits::default());
    world.loses = u32::MAX;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
    assert!(world.recalled.is_empty());
    let mut world = World::new(3, Limits::default());
    world.cut = None;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
    assert!(world.recalled.is_empty() && cuts(&world).is_empty());
}

#[test]
fn a_seed_is_made_of_what_a_task_is_and_of_nothing_else() {
    let seeds_of = |documents, goal: &str| {
        let mut world = World::new(documents, Limits::default());
        goal.clone_into(&mut world.spec.goal);
        let lead = world.run();
        seeds(&world, &lead)
    };
    let (few, many, other) = (seeds_of(2, "why?"), seeds_of(3, "why?"), seeds_of(2, "how come?"));
    let distinct: BTreeSet<&Digest> = few.values().collect();
    assert_eq!(distinct.len(), few.len(), "no two agents draw the same: {few:?}");
    for (of, seed) in &few {
        assert_ne!(other.get(of), Some(seed), "another goal: {of:?}");
        // A reader of one document draws the same whatever lies beside it; the writer of all of them does not.
        let is_reader = of.1.is_some();
        assert_eq!(many.get(of) == Some(seed), is_reader, "{of:?}");
    }
}
