//! Posteriors: what evidence, its lack, and the scope above do to an expectation.

use super::*;

fn evidence(n: f64, mean: f64, gain: f64) -> Evidence {
    Evidence {
        n,
        y: n * mean,
        adv: n * gain,
    }
}

#[test]
fn without_evidence_the_prior_stands() {
    let params = Params::default();
    let prior = Posterior::prior(&params);
    let unmoved = updated(prior, Evidence::default(), &params);
    assert!((unmoved.mean).abs() < 1e-12 && (unmoved.sd - params.prior_sd).abs() < 1e-12);
}

#[test]
fn evidence_moves_the_mean_and_narrows_it() {
    let params = Params::default();
    let prior = Posterior::prior(&params);
    let few = updated(prior, evidence(5.0, 0.7, 0.2), &params);
    let many = updated(prior, evidence(500.0, 0.7, 0.2), &params);
    assert!(few.mean > 0.05 && few.mean < many.mean && many.mean < 0.2);
    assert!(few.sd < params.prior_sd && many.sd < few.sd / 3.0);
}

#[test]
fn outcomes_that_hardly_vary_are_surer() {
    let params = Params::default();
    let prior = Posterior::prior(&params);
    let even = updated(prior, evidence(20.0, 0.5, 0.1), &params);
    let sure = updated(prior, evidence(20.0, 0.95, 0.1), &params);
    assert!(sure.sd < even.sd * 0.8, "{} {}", sure.sd, even.sd);
}

#[test]
fn what_is_expected_yields_to_own_evidence() {
    let params = Params::default();
    let above = Posterior {
        mean: 0.3,
        sd: 0.15,
        runs: 0.0,
        seen: 0.0,
    };
    let unmoved = updated(above, Evidence::default(), &params);
    assert!((unmoved.mean - above.mean).abs() < 1e-12 && (unmoved.sd - above.sd).abs() < 1e-12);
    let known = updated(above, evidence(300.0, 0.4, -0.2), &params);
    assert!(known.mean < -0.15, "its own evidence wins: {known:?}");
}

#[test]
fn the_share_above_a_value_is_that_of_the_normal_distribution() {
    let standard = Posterior {
        mean: 0.0,
        sd: 1.0,
        runs: 0.0,
        seen: 0.0,
    };
    for (value, share) in [(0.0, 0.5), (1.0, 0.158_655), (-1.959_964, 0.975), (6.0, 0.0)] {
        assert!((standard.above(value) - share).abs() < 1e-5, "{value}");
    }
}
