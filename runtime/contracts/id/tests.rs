//! Ids print, parse, encode and derive as promised.

use super::*;

#[test]
fn an_id_survives_text_and_bytes() {
    let job_id = JobId::new(1_760_000_000_000, 7);
    let text = job_id.to_string();
    assert!(text.starts_with("job_0"), "{text}");
    assert_eq!(text.parse(), Ok(job_id));

    let json = serde_json::to_string(&job_id).expect("ids encode");
    assert_eq!(json, format!("\"{text}\""));
    let packed = rmp_serde::to_vec(&job_id).expect("ids encode");
    assert_eq!(packed.len(), 18, "two bytes of header and sixteen of id");
    assert_eq!(
        rmp_serde::from_slice::<JobId>(&packed).expect("ids decode"),
        job_id
    );
}

#[test]
fn a_foreign_prefix_is_refused() {
    let task_id = TaskId::derive(JobId::new(1, 1), "read", Some(0));
    assert!(task_id.to_string().parse::<JobId>().is_err());
    assert!("job_short".parse::<JobId>().is_err());
    assert!(rmp_serde::from_slice::<JobId>(&[0xc4, 2, 1, 2]).is_err());
}

#[test]
fn derived_ids_differ_where_their_parts_do() {
    let job_id = JobId::new(1, 1);
    assert_ne!(
        TaskId::derive(job_id, "a", None),
        TaskId::derive(job_id, "a", Some(0))
    );
    assert_ne!(
        TaskId::derive(job_id, "a", Some(1)),
        TaskId::derive(job_id, "b", Some(1))
    );
    let step_id = StepId::derive(TaskId::derive(job_id, "a", None), 3);
    assert_ne!(
        ToolCallId::derive(step_id, "ab", "c"),
        ToolCallId::derive(step_id, "a", "bc")
    );
    assert_eq!(
        ToolCallId::derive(step_id, "ab", "c"),
        ToolCallId::derive(step_id, "ab", "c")
    );
}

#[test]
fn tenants_have_plain_names() {
    assert!("team-a".parse::<TenantId>().is_ok());
    for wrong in ["", "Team", "a/b", "ä", &"x".repeat(64)] {
        assert!(wrong.parse::<TenantId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_measure_is_told_from_a_signal() {
    let signal = SignalId::of_parts(&[b"a signal"]);
    let measures = [signal.measure("tokens-in"), signal.measure("tokens-out")];
    assert!(measures.iter().all(|measure| measure.is_measure()));
    assert!(!signal.is_measure());
    assert_ne!(measures[0], measures[1]);
    assert_ne!(
        measures[0],
        SignalId::of_parts(&[b"another"]).measure("tokens-in")
    );
}
