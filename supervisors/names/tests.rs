//! Names without actors.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_name_has_one_holder_until_its_lease_is_dropped() {
    let names = Names::default();
    let lease = names.register("lead", 1_u32).expect("the name is free");
    assert_eq!(
        names.register("lead", 2_u32).err(),
        Some(NameTaken { name: "lead".into() })
    );
    assert_eq!(names.find::<u32>("lead"), Some(1));
    assert_eq!(names.find::<u64>("lead"), None, "another type is not a match");
    lease.release();
    assert_eq!(names.find::<u32>("lead"), None);
    assert!(names.register("lead", 3_u32).is_ok());
}

#[tokio::test(start_paused = true)]
async fn claims_wait_and_one_wins() {
    let names = Names::default();
    let first = names.register("lead", 0_u32).expect("the name is free");
    let claim = |value: u32| {
        let names = names.clone();
        async move {
            let lease = names.claim("lead", value).await;
            let seen = names.find::<u32>("lead");
            drop(lease);
            seen
        }
    };
    let release = async { drop(first) };
    let (one, two, ()) = tokio::join!(claim(1), claim(2), release);
    assert_eq!((one, two), (Some(1), Some(2)));
    assert_eq!(names.list(), Vec::<String>::new());
}

#[test]
fn two_nodes_do_not_share_names() {
    let (one, two) = (Names::default(), Names::default());
    let _held = one.register("lead", ()).expect("the name is free");
    assert!(two.register("lead", ()).is_ok());
}
