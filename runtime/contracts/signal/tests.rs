//! Scopes: what is one, and what it refines.

use super::*;

#[test]
fn a_scope_has_one_to_four_names() {
    for good in ["read", "read/markdown", "a/b/c/d", "read/x-1_y"] {
        assert_eq!(good.parse::<ScopePath>().map(String::from), Ok(good.to_owned()));
    }
    for bad in ["", "/", "read/", "Read", "a/b/c/d/e", "a//b", "a b"] {
        assert!(bad.parse::<ScopePath>().is_err(), "{bad}");
    }
}

#[test]
fn a_scope_knows_what_it_refines() {
    let scope: ScopePath = "read/markdown/long".parse().expect("a scope");
    let lineage: Vec<String> = scope.lineage().map(String::from).collect();
    assert_eq!(lineage, ["read/markdown/long", "read/markdown", "read"]);
    assert_eq!(scope.level(), 3);
    assert_eq!(scope.child("x/y"), None, "too deep");
}

#[test]
fn no_tenant_has_the_number_of_the_runtime() {
    assert_ne!(
        Origin::tenant_number(&TenantId::default()),
        Origin::BUILTIN.tenant
    );
}
