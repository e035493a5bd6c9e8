//! The code that `build.rs` generates from `proto/`, and a hand-written `Debug` for the message that contains a session URL.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes_without_reason,
    reason = "generated from the proto, where each item is documented"
)]
mod generated {
    tonic::include_proto!("billing.portal.v1");
}

pub use generated::*;

/// The compiled proto with its imports, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/billing_portal.descriptors.bin"));

/// The URL is a bearer secret, so `Debug` does not print it.
impl std::fmt::Debug for CreatePortalSessionResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatePortalSessionResponse").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_does_not_print_its_url() {
        let response = CreatePortalSessionResponse { url: "https://billing.stripe.com/p/session/secret".to_owned() };
        assert!(!format!("{response:?}").contains("secret"));
    }
}
