//! Dependencies point one way: contracts <- text <- {policy, store, models, tools, ..} <- actors <- supervisors <- anthill.
//!
//! The runtime crates do not see each other; what one needs of another is a port in `contracts`, wired by the daemon.
//! The tests' kit stands outside: it may use everything left of `anthill`, and only tests may use it.

use super::workspace::{Dependency, Package, packages};
use super::{Flaw, demand_none, told};

const KIT: &str = "anthill-kit";

/// How far right a package stands; two of the same rank do not see each other.
fn rank(package: &str) -> Option<u8> {
    Some(match package {
        "anthill-contracts" => 0,
        "anthill-text" => 1,
        "anthill-policy" | "anthill-signals" | "anthill-store" | "anthill-models" | "anthill-tools"
        | "anthill-cluster" | "anthill-api" => 2,
        "anthill-actors" => 3,
        "anthill-supervisors" => 4,
        "anthill" => 5,
        _ => return None,
    })
}

/// What is wrong with one edge, if anything.
fn breach(from: &str, to: &Dependency) -> Option<String> {
    let is_dev = to.kind.as_deref() == Some("dev");
    if to.name == KIT {
        return (!is_dev).then(|| format!("`{KIT}` is for tests: make it a dev-dependency"));
    }
    let Some(target) = rank(&to.name) else {
        return Some(format!("`{}` has no place on the arrow", to.name));
    };
    let allowed = match rank(from) {
        Some(source) => target < source,
        None => from == KIT && target < 5,
    };
    (!allowed).then(|| format!("must not depend on `{}`", to.name))
}

fn flaws(package: &Package) -> Vec<Flaw> {
    let stray = (package.name != KIT && rank(&package.name).is_none())
        .then(|| Flaw::in_file(&package.name, "has no place on the arrow"));
    let edges = package
        .dependencies
        .iter()
        .filter(|edge| edge.path.is_some())
        .filter_map(|edge| breach(&package.name, edge).map(|what| Flaw::in_file(&package.name, what)));
    stray.into_iter().chain(edges).collect()
}

#[test]
fn dependencies_follow_the_arrow() {
    demand_none(
        packages().iter().flat_map(flaws),
        "depend to the left only; put the words that both need into `contracts`, or let the daemon wire a port",
    );
}

#[test]
fn an_edge_off_the_arrow_is_found() {
    let edge = |name: &str, kind: Option<&str>| Dependency {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        path: Some("/somewhere".to_owned()),
    };
    let check = |name: &str, edges: Vec<Dependency>, expected: &[&str]| {
        let package = Package {
            name: name.to_owned(),
            manifest_path: String::new(),
            dependencies: edges,
        };
        assert_eq!(told(flaws(&package)), expected);
    };
    check(
        "anthill-store",
        vec![
            edge("anthill-contracts", None),
            edge("anthill-policy", None),
            edge(KIT, Some("dev")),
        ],
        &["anthill-store: must not depend on `anthill-policy`"],
    );
    check(
        "anthill-actors",
        vec![
            edge("anthill-tools", None),
            edge("anthill-supervisors", Some("dev")),
        ],
        &["anthill-actors: must not depend on `anthill-supervisors`"],
    );
    check(
        "anthill",
        vec![edge("anthill-supervisors", None), edge(KIT, None)],
        &["anthill: `anthill-kit` is for tests: make it a dev-dependency"],
    );
    check(
        KIT,
        vec![edge("anthill-supervisors", None), edge("anthill", None)],
        &["anthill-kit: must not depend on `anthill`"],
    );
    check(
        "anthill-extra",
        vec![],
        &["anthill-extra: has no place on the arrow"],
    );
}
