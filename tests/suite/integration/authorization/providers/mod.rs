//! Integration: the recipes of docs/integrate.md, with keys and tokens in the shape that each provider documents.

mod access_tokens;
mod own_session;
mod service;
mod session_tokens;

#[test]
fn every_recipe_has_a_test() {
    let tested =
        ["Auth0", "Okta", "Microsoft Entra ID", "Keycloak", "Clerk", "WorkOS", "Amazon Cognito", "Our own session"];
    assert_eq!(service::recipes(), tested);
}
