//! One chain per artifact, one writer, one effect per key.

use anthill_contracts::artifact::Trust;
use anthill_contracts::id::{JobId, StepId};

use super::*;

fn version(task: u32, number: u32, parent: Option<&[u8]>, body: &[u8]) -> ArtifactVersion {
    let owner = TaskId::derive(JobId::new(1, 1), "read", Some(task));
    let key = ToolCallId::derive(
        StepId::derive(owner, number),
        "post_artifact",
        &format!("{body:?}"),
    );
    ArtifactVersion {
        artifact_id: ArtifactId::derive(TaskId::derive(JobId::new(1, 1), "read", Some(0)), "findings"),
        name: "findings".to_owned(),
        version: number,
        parent: parent.map(Digest::of),
        body: Digest::of(body),
        bytes: body.len() as u64,
        owner,
        key,
        contract: "findings".to_owned(),
        model: "none".to_owned(),
        trust: Trust::Internal,
    }
}

#[test]
fn versions_form_a_chain() {
    let mut board = Board::default();
    let first = version(0, 1, None, b"one");
    let second = version(0, 2, Some(b"one"), b"two");
    assert_eq!(
        board.post(&Posting {
            version: first.clone()
        }),
        Ok(first.clone())
    );
    assert_eq!(
        board.post(&Posting {
            version: second.clone()
        }),
        Ok(second.clone())
    );
    assert_eq!(board.newest(first.artifact_id), Some(&second));
    assert_eq!(board.check(), Ok(()));
}

#[test]
fn a_version_that_builds_on_an_older_one_conflicts() {
    let mut board = Board::default();
    board
        .post(&Posting {
            version: version(0, 1, None, b"one"),
        })
        .expect("the first version posts");
    let check = |board: &mut Board, wrong: ArtifactVersion| {
        let claimed = wrong.version;
        let refused = board.post(&Posting { version: wrong });
        assert_eq!(refused, Err(PostError::Conflict { claimed, current: 1 }));
    };
    check(&mut board, version(0, 1, None, b"other"));
    check(&mut board, version(0, 2, Some(b"other"), b"two"));
    check(&mut board, version(0, 3, Some(b"one"), b"three"));
    assert_eq!(board.versions(), 1);
}

#[test]
fn posting_twice_under_one_key_has_one_effect() {
    let mut board = Board::default();
    let first = version(0, 1, None, b"one");
    board
        .post(&Posting {
            version: first.clone(),
        })
        .expect("the first version posts");
    assert_eq!(
        board.post(&Posting {
            version: first.clone()
        }),
        Ok(first)
    );
    assert_eq!(board.versions(), 1);
}

#[test]
fn only_the_owner_writes() {
    let mut board = Board::default();
    let first = version(0, 1, None, b"one");
    board
        .post(&Posting {
            version: first.clone(),
        })
        .expect("the first version posts");
    let foreign = version(1, 2, Some(b"one"), b"two");
    assert_eq!(
        board.post(&Posting { version: foreign }),
        Err(PostError::NotOwner { owner: first.owner })
    );
}

#[test]
fn a_restored_board_equals_the_live_one() {
    let versions = [version(0, 1, None, b"one"), version(0, 2, Some(b"one"), b"two")];
    let board = Board::restore(versions.clone()).expect("the journal holds a chain");
    assert_eq!(board.newest(versions[0].artifact_id), Some(&versions[1]));
    assert!(
        Board::restore([versions[1].clone()]).is_err(),
        "a chain without its beginning"
    );
}
