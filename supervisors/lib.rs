//! Supervision with OTP's semantics, and the tree node, tenant, lead.
