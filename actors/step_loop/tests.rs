//! The loop takes each step once, in order, and only after it was allowed.

use anthill_contracts::id::JobId;

use super::*;

const TOOL: Recorded = Recorded::Tool { takes_answer: false };

fn task() -> TaskId {
    TaskId::derive(JobId::new(1, 1), "read", Some(0))
}

fn call(index: usize) -> PlannedCall {
    PlannedCall {
        index,
        tool: "search".to_owned(),
        canonical_args: format!("{{\"n\":{index}}}"),
    }
}

fn run(call_index: usize, seq: u32) -> Deed {
    let planned = call(call_index);
    let call_id = ToolCallId::derive(
        StepId::derive(task(), seq),
        &planned.tool,
        &planned.canonical_args,
    );
    Deed::Run(planned, call_id)
}

/// Feeds the inputs and collects what the machine wants done.
fn drive(machine: &mut StepLoop, inputs: Vec<LoopInput>) -> Vec<Option<LoopStep>> {
    inputs.into_iter().map(|input| machine.step(input)).collect()
}

#[test]
fn a_reply_with_tools_runs_them_and_asks_again() {
    let step = |seq| StepId::derive(task(), seq);
    let mut machine = StepLoop::new(task(), 0);
    let wanted = drive(
        &mut machine,
        vec![
            LoopInput::Begin(vec![]),
            LoopInput::Granted(step(0)),
            LoopInput::Replied(step(0), Next::Tools(vec![call(0)])),
            LoopInput::Durable(step(0)),
            LoopInput::Granted(step(1)),
            LoopInput::ToolEnded {
                step_id: step(1),
                takes_answer: false,
            },
            LoopInput::Durable(step(1)),
            LoopInput::Granted(step(2)),
            LoopInput::Replied(step(2), Next::Final),
            LoopInput::Durable(step(2)),
        ],
    );
    let expected = vec![
        Some(LoopStep::Reserve(step(0), Deed::Ask)),
        Some(LoopStep::Take(step(0), Deed::Ask)),
        Some(LoopStep::Record(step(0), Deed::Ask)),
        Some(LoopStep::Reserve(step(1), run(0, 1))),
        Some(LoopStep::Take(step(1), run(0, 1))),
        Some(LoopStep::Record(step(1), run(0, 1))),
        Some(LoopStep::Reserve(step(2), Deed::Ask)),
        Some(LoopStep::Take(step(2), Deed::Ask)),
        Some(LoopStep::Record(step(2), Deed::Ask)),
        Some(LoopStep::Conclude),
    ];
    assert_eq!(wanted, expected);
}

#[test]
fn a_resumed_loop_goes_on_behind_the_record() {
    let step = |seq| StepId::derive(task(), seq);
    let check = |recorded: Vec<Recorded>, expected: LoopStep| {
        let mut machine = StepLoop::new(task(), 0);
        assert_eq!(machine.step(LoopInput::Begin(recorded)), Some(expected));
    };
    let tools = Recorded::Reply(Next::Tools(vec![call(0), call(1)]));
    check(vec![tools.clone()], LoopStep::Reserve(step(1), run(0, 1)));
    check(vec![tools.clone(), TOOL], LoopStep::Reserve(step(2), run(1, 2)));
    check(
        vec![tools.clone(), TOOL, TOOL],
        LoopStep::Reserve(step(3), Deed::Ask),
    );
    check(
        vec![tools, TOOL, TOOL, Recorded::Reply(Next::Final)],
        LoopStep::Conclude,
    );
    check(vec![Recorded::Rejected], LoopStep::Reserve(step(1), Deed::Ask));
}

#[test]
fn a_rejected_answer_is_asked_for_again() {
    let step = |seq| StepId::derive(task(), seq);
    let mut machine = StepLoop::new(task(), 0);
    let posts = vec![
        Recorded::Reply(Next::Tools(vec![call(0)])),
        Recorded::Tool { takes_answer: true },
    ];
    assert_eq!(machine.step(LoopInput::Begin(posts)), Some(LoopStep::Conclude));
    assert_eq!(
        machine.step(LoopInput::TryAgain),
        Some(LoopStep::Reserve(step(2), Deed::Ask))
    );
    assert_eq!(
        machine.step(LoopInput::TryAgain),
        None,
        "only an answer can be tried again"
    );
}

#[test]
fn late_and_foreign_inputs_change_nothing() {
    let step = |seq| StepId::derive(task(), seq);
    let mut machine = StepLoop::new(task(), 0);
    machine.step(LoopInput::Begin(vec![]));
    for late in [
        LoopInput::Durable(step(0)),
        LoopInput::Granted(step(7)),
        LoopInput::ToolEnded {
            step_id: step(0),
            takes_answer: false,
        },
    ] {
        assert_eq!(machine.step(late), None);
    }
    assert_eq!(
        machine.step(LoopInput::Granted(step(0))),
        Some(LoopStep::Take(step(0), Deed::Ask))
    );
    assert_eq!(
        machine.step(LoopInput::Granted(step(0))),
        None,
        "a second grant takes nothing"
    );
}

#[test]
fn a_refusal_ends_the_loop() {
    let step_id = StepId::derive(task(), 4);
    let mut machine = StepLoop::new(task(), 4);
    machine.step(LoopInput::Begin(vec![]));
    let ended = machine.step(LoopInput::Refused(step_id, Dimension::Usd));
    assert_eq!(ended, Some(LoopStep::Exhausted(step_id, Dimension::Usd)));
    assert_eq!(machine.step(LoopInput::Granted(step_id)), None);
}
