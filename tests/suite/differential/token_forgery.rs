//! Forged and damaged tokens, made from valid ones.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use super::token_signer::{ALGORITHMS, Signer, encode};

/// The order of P-256 (big-endian), and that of Ed25519's group (little-endian).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// Characters that are not base64url, and some that are.
const CHARACTERS: &[&str] = &["A", "_", "-", "9", "+", "/", "=", ".", " ", "\t", "~", "%", "\"", ",", "\u{e9}"];

/// A token, and how it was made.
pub(super) struct Forgery {
    pub(super) kind: &'static str,
    pub(super) token: String,
}

/// Returns the sum, or the difference, of big-endian numbers of the same length. A carry out of the first byte is lost.
fn combined(left: &[u8], right: &[u8], subtract: bool) -> Vec<u8> {
    let mut carry = 0_i32;
    let mut bytes: Vec<u8> = Vec::new();
    for (left, right) in left.iter().zip(right).rev() {
        let right = if subtract { -i32::from(*right) } else { i32::from(*right) };
        let sum = i32::from(*left) + right + carry;
        carry = sum.div_euclid(256);
        bytes.push(u8::try_from(sum.rem_euclid(256)).unwrap());
    }
    bytes.reverse();
    bytes
}

/// Encodes an ECDSA signature as ASN.1 (RFC 3279, section 2.2.3) instead of two numbers of 32 bytes.
fn as_der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let significant: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let padding = if significant.first().is_none_or(|first| *first > 0x7f) { vec![0] } else { vec![] };
        let value = [padding, significant].concat();
        [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
    };
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(numbers.len()).unwrap()], numbers].concat()
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// Signatures derived from a valid one without the private key.
fn derived_signatures(algorithm: &str, signature: &[u8], modulus: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut derived = vec![
        ("signature with a zero byte in front", [&[0], signature].concat()),
        ("signature with a zero byte at the end", [signature, &[0]].concat()),
        ("signature without its last byte", signature[..signature.len() - 1].to_vec()),
        ("signature without its first byte", signature[1..].to_vec()),
        ("signature reversed", reversed(signature)),
        ("signature twice", signature.repeat(2)),
        ("signature of ones", vec![0xff; signature.len()]),
    ];
    derived.extend([0, 1, 32, 63, 64, 65, 72, 255, 256, 257].map(|length| ("signature of zeros", vec![0; length])));
    let [order, ed25519_order] = [P256_ORDER, ED25519_ORDER].map(|order| hex::decode(order).unwrap());
    match algorithm {
        "EdDSA" => {
            let (r, s) = signature.split_at(32);
            let s = reversed(&combined(&reversed(s), &reversed(&ed25519_order), false));
            derived.push(("EdDSA: S plus the order of the group", [r, &s].concat()));
            let mut identity = vec![0; 64];
            identity[0] = 1;
            derived.push(("EdDSA: R is the identity, S is zero", identity));
        }
        "ES256" => {
            let (r, s) = signature.split_at(32);
            derived.push(("ES256: s negated", [r, &combined(&order, s, true)].concat()));
            derived.push(("ES256: r negated", [&combined(&order, r, true), s].concat()));
            derived.push(("ES256: r and s exchanged", [s, r].concat()));
            derived.push(("ES256: as ASN.1", as_der(signature)));
            derived.push(("ES256: r is the order", [&order, s].concat()));
            derived.push(("ES256: s is zero", [r, &[0; 32]].concat()));
            derived.push(("ES256: numbers of 33 bytes", [&[0], r, &[0], s].concat()));
        }
        _ => {
            derived.push(("RSA: signature negated", combined(modulus, signature, true)));
            derived.push(("RSA: signature plus the modulus", combined(signature, modulus, false)));
            derived.push(("RSA: signature is one", [vec![0; 255], vec![1]].concat()));
            derived.push(("RSA: signature is the modulus", modulus.to_vec()));
        }
    }
    derived
}

/// Every bit and every character of a token changed, and the token cut off everywhere.
fn damaged(token: &str, random: &mut StdRng) -> Vec<Forgery> {
    let segments: Vec<&str> = token.split('.').collect();
    let mut forgeries = Vec::new();
    for (position, kind) in ["bit of the header", "bit of the claims", "bit of the signature"].into_iter().enumerate() {
        let bytes = URL_SAFE_NO_PAD.decode(segments[position]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = encode(bytes);
            let mut segments = segments.clone();
            segments[position] = &changed;
            forgeries.push(Forgery { kind, token: segments.join(".") });
        }
        // The last character of a segment can have bits that no byte needs, so that several texts mean the same bytes.
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=".chars() {
            let changed = format!("{}{last}", &segments[position][..segments[position].len() - 1]);
            let mut segments = segments.clone();
            segments[position] = &changed;
            let token_with = segments.join(".");
            if token_with != token {
                forgeries.push(Forgery { kind: "last character of a segment", token: token_with });
            }
        }
        for padding in ["=", "==", " ", "\t"] {
            let changed = format!("{}{padding}", segments[position]);
            let mut segments = segments.clone();
            segments[position] = &changed;
            forgeries.push(Forgery { kind: "padding or white space", token: segments.join(".") });
        }
    }
    for at in 0..token.len() {
        let (before, after) = token.split_at(at);
        let other = *CHARACTERS.choose(random).unwrap();
        forgeries.push(Forgery { kind: "character inserted", token: format!("{before}{other}{after}") });
        if !after.starts_with(other) {
            forgeries.push(Forgery { kind: "character replaced", token: format!("{before}{other}{}", &after[1..]) });
        }
        forgeries.push(Forgery { kind: "character removed", token: format!("{before}{}", &after[1..]) });
        forgeries.push(Forgery { kind: "cut off", token: before.to_owned() });
    }
    forgeries
}

/// Headers and claims that differ from the valid ones, signed or not.
fn rewritten(signer: &Signer, algorithm: &str, header: &Value, claims: &Value, signature: &str) -> Vec<Forgery> {
    let mut forgeries = Vec::new();
    let valid = (header.to_string(), claims.to_string());
    let mut add = |kinds: [&'static str; 2], header: String, claims: String| {
        if (&header, &claims) == (&valid.0, &valid.1) {
            return;
        }
        forgeries.push(Forgery { kind: kinds[0], token: signer.sign(algorithm, &header, &claims) });
        let token = format!("{}.{}.{signature}", encode(header), encode(claims));
        forgeries.push(Forgery { kind: kinds[1], token });
    };
    let with = |value: &Value, name: &str, member: Value| {
        let mut value = value.clone();
        value[name] = member;
        value.to_string()
    };
    for alg in [
        "EdDSA", "Ed25519", "ES256", "RS256", "PS256", "none", "None", "", "HS256", "ES384", "RS512", "ES256K", "Ed448",
    ] {
        add(["other alg, signed", "other alg"], with(header, "alg", json!(alg)), claims.to_string());
    }
    for kid in
        ALGORITHMS.map(|(_, kid)| json!(kid)).into_iter().chain([json!("none"), json!(""), json!(7), Value::Null])
    {
        add(["other kid, signed", "other kid"], with(header, "kid", kid), claims.to_string());
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("jwk", json!({"kty": "OKP"})),
        ("jku", json!("https://evil.test/")),
        ("x5c", json!([])),
        ("typ", json!("JWT")),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        add(["other header member, signed", "other header member"], with(header, name, value), claims.to_string());
    }
    for (name, value) in
        [("sub", json!("greta")), ("tenant", json!("globex")), ("role", json!("member")), ("aud", json!("other"))]
    {
        add(["other claim, signed", "other claim"], header.to_string(), with(claims, name, value));
    }
    for (name, value) in
        [("alg", "none"), ("alg", algorithm), ("kid", "rsa"), ("typ", "principal+jwt"), ("\\u0061lg", "none")]
    {
        for text in [
            header.to_string().replacen('{', &format!("{{\"{name}\":\"{value}\","), 1),
            header.to_string().replacen('}', &format!(",\"{name}\":\"{value}\"}}"), 1),
        ] {
            add(["duplicate header member, signed", "duplicate header member"], text, claims.to_string());
        }
    }
    let duplicate = claims.to_string().replacen('{', "{\"tenant\":\"globex\",", 1);
    add(["duplicate claim, signed", "duplicate claim"], header.to_string(), duplicate);
    for text in ["", "{}", "[]", "null", "\"x\"", "{", "\u{feff}{}"] {
        add(["not a header, signed", "not a header"], text.to_owned(), claims.to_string());
        add(["not claims, signed", "not claims"], header.to_string(), text.to_owned());
    }
    forgeries
}

/// Returns a valid token of each algorithm with claims, and everything that is forged from it.
pub(super) fn all(signer: &Signer, claims: &Value, random: &mut StdRng) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (algorithm, kid) in ALGORITHMS {
        let header = json!({"alg": algorithm, "typ": "principal+jwt", "kid": kid});
        let token = signer.sign(algorithm, &header.to_string(), &claims.to_string());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for (kind, derived) in derived_signatures(algorithm, &bytes, &signer.modulus()) {
            all.push(Forgery { kind, token: format!("{message}.{}", encode(derived)) });
        }
        for (other, _) in ALGORITHMS.into_iter().filter(|(other, _)| *other != algorithm) {
            let signature = encode(signer.signature(other, message.as_bytes()));
            all.push(Forgery { kind: "signature of another algorithm", token: format!("{message}.{signature}") });
        }
        let stranger =
            Signer::new().signature(if algorithm == "ES256" { "ES256" } else { "EdDSA" }, message.as_bytes());
        all.push(Forgery { kind: "signature of another key", token: format!("{message}.{}", encode(stranger)) });
        let mut noise = vec![0; bytes.len()];
        random.fill(&mut noise[..]);
        all.push(Forgery { kind: "signature of random bytes", token: format!("{message}.{}", encode(noise)) });
        all.extend(rewritten(signer, algorithm, &header, claims, signature));
        all.extend(damaged(&token, random));
        all.push(Forgery { kind: "valid", token });
    }
    all
}
