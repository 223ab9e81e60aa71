//! Keys change hands; crashes must not.

use anthill_actors::agent::AgentKind;
use anthill_contracts::id::{JobId, TaskId};

use super::*;

const FIRST: ActorId = ActorId::Local(1);
const SECOND: ActorId = ActorId::Local(2);

fn planner() -> AgentKey {
    AgentKey {
        task_id: TaskId::planning(JobId::new(1, 1)),
        attempt: 1,
        kind: AgentKind::Planner,
    }
}

/// A planner's proposal was refused, and the next planner was decided on before the first one's end was told: that end
/// passed for a crash of the next one, whose words were then not heard.
#[test]
fn the_end_of_an_agent_that_has_spoken_is_not_the_end_of_the_next_one() {
    let mut crew = Crew::default();
    crew.join(planner(), FIRST, "first");
    crew.has_said_last_word(planner());
    crew.join(planner(), SECOND, "second");
    assert_eq!(crew.left(FIRST), None);
    assert_eq!(crew.handle(planner()), Some(&"second"));
    assert_eq!(crew.left(SECOND), Some(planner()));
    assert!(crew.is_empty());
}

#[test]
fn an_agent_that_has_spoken_is_not_gone_yet() {
    let mut crew = Crew::default();
    crew.join(planner(), FIRST, ());
    crew.has_said_last_word(planner());
    assert!(crew.contains(FIRST) && !crew.is_empty());
    assert_eq!(crew.handle(planner()), None);
    assert_eq!(crew.left(FIRST), None);
    assert!(crew.is_empty());
}
