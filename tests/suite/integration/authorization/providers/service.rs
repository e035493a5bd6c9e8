//! A service with the settings of a recipe, and a provider that signs tokens for it.

use std::sync::OnceLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stripe_simulator::Customer;
use tempfile::TempDir;

use crate::support::{
    ClientError, World,
    issuer::now,
    settings::{config, override_settings},
    world::home,
};

const GUIDE: &str = include_str!("../../../../../docs/integrate.md");

/// The customer of the tenant in the provider's tokens.
const CUSTOMER: &str = "cus_Provider";

/// What a provider publishes and issues. The person is an owner of the tenant.
pub(super) struct Provider {
    /// The heading of its recipe.
    pub(super) recipe: &'static str,
    /// The members of the published key beside `kid` and the key itself.
    pub(super) key: Value,
    /// The other keys of the set.
    pub(super) other_keys: Vec<Value>,
    /// The header beside `kid`.
    pub(super) header: Value,
    /// The claims beside `iat` and `exp`.
    pub(super) claims: Value,
    pub(super) lifetime: u64,
    pub(super) user: &'static str,
    pub(super) tenant: &'static str,
}

/// A token that the service refuses: what it is, how header and claims differ, and the reason.
pub(super) type Refused = (&'static str, Value, Value, &'static str);

pub(super) struct Service {
    pub(super) world: World,
    provider: Provider,
    _keys: TempDir,
}

impl Service {
    pub(super) async fn start(provider: Provider) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = provider.other_keys.clone();
        keys.push(published("provider-key", &provider.key));
        let file = folder.path().join("jwks.json");
        std::fs::write(&file, json!({"keys": keys}).to_string()).unwrap();
        let recipe = settings(provider.recipe);
        let mut with_file = recipe.clone();
        override_settings(&mut with_file, &[&format!("--principal-jwks={}", file.display())]);
        let world = World::with(&with_file.iter().map(String::as_str).collect::<Vec<_>>()).await;
        // The settings are valid as they are in the document, with the provider's URL.
        drop(config(world.settings(&recipe.iter().map(String::as_str).collect::<Vec<_>>())));
        let tenants = [(provider.tenant, CUSTOMER, provider.user), ("other", "cus_Other", "other")];
        for (tenant, customer, owner) in tenants {
            world.stripe.add_customer(Customer::new(customer).metadata("tenant_id", tenant));
            let rows = [
                ("INSERT INTO billing_portal_tenants VALUES (?, ?)", [tenant, customer]),
                ("INSERT INTO billing_portal_owners VALUES (?, ?)", [tenant, owner]),
            ];
            for (statement, [first, second]) in rows {
                world.database().execute(statement, [first, second]).unwrap();
            }
        }
        Self { world, provider, _keys: folder }
    }

    /// Asserts that the provider's token opens the portal of its tenant, and that these tokens are refused, as are those that
    /// no recipe accepts. No refused call reaches Stripe.
    pub(super) async fn accepts_only_the_token_of_the_recipe(&self, refused: &[Refused]) {
        let url = self.open(&json!({}), &json!({})).await.unwrap();
        assert_eq!(self.world.stripe.customer_of(&url).as_deref(), Some(CUSTOMER));
        self.world.stripe.forget_requests();
        let now = now();
        let common = [
            ("another issuer", json!({}), json!({"iss": "https://other.example.com"}), "TOKEN_INVALID"),
            ("another API", json!({}), json!({"aud": "https://other-api.example.com"}), "TOKEN_INVALID"),
            ("no audience", json!({}), json!({"aud": null}), "TOKEN_INVALID"),
            ("a day of lifetime", json!({}), json!({"iat": now, "exp": now + 86_400}), "TOKEN_INVALID"),
            ("expired", json!({}), json!({"iat": now - 50, "nbf": now - 50, "exp": now - 10}), "TOKEN_EXPIRED"),
            ("an actor", json!({}), json!({"act": {"sub": "support"}}), "TOKEN_INVALID"),
            ("another typ", json!({"typ": "principal+jwt"}), json!({}), "TOKEN_INVALID"),
            ("another alg of the same key", json!({"alg": "PS256"}), json!({}), "TOKEN_INVALID"),
            ("an unknown key", json!({"kid": "other"}), json!({}), "TOKEN_INVALID"),
        ];
        for (case, header, claims, reason) in common.iter().chain(refused) {
            let refusal = self.open(header, claims).await.expect_err(case);
            assert_eq!(refusal.reason, *reason, "{case}");
        }
        let mut elsewhere = home();
        elsewhere.displayed_tenant_id = "other".to_owned();
        let refusal = self.world.open_with(&self.token(&json!({}), &json!({})), elsewhere).await.unwrap_err();
        assert_eq!(refusal.reason, "TENANT_MISMATCH");
        assert!(self.world.stripe.requests().is_empty());
    }

    async fn open(&self, header: &Value, claims: &Value) -> Result<String, ClientError> {
        self.world.open(&self.token(header, claims)).await
    }

    /// Signs the provider's token with changes to its header and claims; `null` removes a member.
    fn token(&self, header: &Value, claims: &Value) -> String {
        let issued = now();
        let times = json!({"iat": issued, "exp": issued + self.provider.lifetime});
        let kid = json!({"kid": "provider-key"});
        sign(
            &merged(&merged(&self.provider.header, &kid), header),
            &merged(&merged(&self.provider.claims, &times), claims),
        )
    }
}

/// Returns the headings of the recipes.
pub(super) fn recipes() -> Vec<&'static str> {
    let (_, section) = GUIDE.split_once("\n## Use the tokens of your identity provider\n").unwrap();
    section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("### ")).collect()
}

/// Returns the settings of a recipe: the lines of the first block of text after its heading.
pub(super) fn settings(recipe: &str) -> Vec<String> {
    let (_, section) = GUIDE.split_once(&format!("\n### {recipe}\n")).unwrap_or_else(|| panic!("no recipe {recipe}"));
    let section = section.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let (_, block) = section.split_once("```text\n").unwrap();
    let settings: Vec<_> = block.split("```").next().unwrap().lines().map(str::to_owned).collect();
    assert!(settings[0].starts_with("--principal-jwks=https://"), "{settings:?}");
    settings
}

/// Returns an object with the members of another one, of which `null` removes a member.
fn merged(object: &Value, changes: &Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() { drop(object.remove(name)) } else { drop(object.insert(name.clone(), value.clone())) }
    }
    Value::Object(object)
}

/// The key of all providers.
fn key_pair() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// Returns the public key under a `kid`, with further members.
pub(super) fn published(kid: &str, members: &Value) -> Value {
    let key = key_pair().public_key();
    let n = URL_SAFE_NO_PAD.encode(key.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(key.exponent().big_endian_without_leading_zero());
    merged(&json!({"kty": "RSA", "kid": kid, "n": n, "e": e}), members)
}

fn sign(header: &Value, claims: &Value) -> String {
    let [header_text, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header_text}.{claims}");
    let key = key_pair();
    let mut signature = vec![0; key.public_modulus_len()];
    let padding = if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
    key.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
