//! Principal tokens against jose, another implementation of JSON Web Signatures.

use std::collections::{BTreeMap, BTreeSet};

use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    second_reader,
    token_forgery::{self, Forgery},
    token_signer::Signer,
};
use crate::support::{issuer::claims, token_verifier::TokenVerifier};

const SEED: u64 = 16;

/// What the service accepts: valid tokens, and tokens of anyone who has the key. The equation of an ECDSA signature also holds for the
/// negated `s`, so everyone can write it in two ways. Both implementations accept both, and nothing here depends on there being
/// only one.
const ACCEPTED: [&str; 5] =
    ["ES256: s negated", "other alg, signed", "other claim, signed", "other header member, signed", "valid"];

/// Counts of tokens by kind, the service's answer and jose's answer.
type Counts = BTreeMap<(&'static str, String, String), usize>;

async fn compare(signer: &Signer, forgeries: &[Forgery], counts: &mut Counts) {
    let set = signer.key_set();
    let verifier = TokenVerifier::strict(&set).await;
    let tokens: Vec<_> = forgeries.iter().map(|forgery| forgery.token.as_str()).collect();
    let answers = second_reader::run("tokens.mjs", &json!({"keySet": set, "tokens": tokens}));
    for (Forgery { kind, token }, answer) in forgeries.iter().zip(answers.as_array().unwrap()) {
        let jose = answer["error"].as_str().unwrap_or("accepted");
        let service = match verifier.read(token) {
            Ok(person) => {
                assert_eq!(jose, "accepted", "{kind}: the service alone accepts {token} with {set}");
                let payload: Value = serde_json::from_str(answer["payload"].as_str().unwrap()).unwrap();
                assert_eq!(
                    (&payload["sub"], &payload["tenant"]),
                    (&json!(person.user().as_str()), &json!(person.tenant().as_str()))
                );
                "accepted".to_owned()
            }
            Err(cause) => cause,
        };
        // Node adds the first byte of an RSA signature if it is zero; RFC 8017, section 8.1.2, demands the whole length.
        if jose == "accepted" && *kind != "signature without its first byte" {
            assert_ne!(
                service, "signature is not valid",
                "{kind}: jose alone accepts the signature of {token} with {set}"
            );
        }
        *counts.entry((kind, service, jose.to_owned())).or_default() += 1;
    }
}

/// Compares more than 19,000 tokens in each round.
pub(crate) async fn tokens_agree_with_jose(rounds: usize) {
    let (mut counts, mut random) = (Counts::new(), StdRng::seed_from_u64(SEED));
    for _ in 0..rounds {
        let signer = Signer::new();
        let forgeries = token_forgery::all(&signer, &claims("olivia", "acme", "owner"), &mut random);
        compare(&signer, &forgeries, &mut counts).await;
    }
    for ((kind, service, jose), count) in &counts {
        println!("{count:>7} {kind}: {service}; jose: {jose}");
    }
    let total: usize = counts.values().sum();
    let accepted: BTreeSet<_> =
        counts.keys().filter(|(_, service, _)| service == "accepted").map(|(kind, ..)| *kind).collect();
    println!("{total} tokens in {rounds} rounds, seed {SEED}");
    assert_eq!(accepted, ACCEPTED.into());
    assert!(total > 19_000 * rounds, "{total}");
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn accepted_tokens_have_signatures_that_jose_accepts() {
    tokens_agree_with_jose(2).await;
}
