//! The figures are computed right, and a small bench runs.

use super::*;

#[test]
fn a_spread_is_ordered() {
    let spread = Spread::of(vec![3.0, 1.0, 2.0]);
    assert!(
        spread
            == Spread {
                min: 1.0,
                median: 2.0,
                max: 3.0
            },
        "{spread:?}"
    );
    assert!(Spread::of(Vec::new()).median.abs() < f64::EPSILON);
}

#[test]
fn a_scrape_is_read_by_the_whole_name() {
    let scrape = "# HELP a_count x\na_count_more 7\na_count 42\n";
    assert_eq!(scraped(scrape, "a_count"), Some(42.0));
    assert_eq!(scraped(scrape, "a"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_benches_run_and_clean_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = BenchOptions {
        n: 20,
        repetitions: 1,
        parallel: 8,
        dir: dir.path().to_owned(),
    };
    let fan = fanout(&options).await.expect("the bench runs");
    assert!(
        fan.tasks_per_second.median > 0.0 && fan.ratio_to_floor.median > 0.0,
        "{fan:?}"
    );
    assert!(fan.bytes_per_task > 0.0 && fan.frames > 1);
    let life = lifecycle(&options).await.expect("the bench runs");
    assert!(
        life.jobs_per_second.median > 0.0 && life.appends_per_commit >= 1.0,
        "{life:?}"
    );
    parked(dir.path(), 500)
        .await
        .expect("all but one wait, and are cancelled");
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("the folder").count(),
        0,
        "nothing is left behind"
    );
}
