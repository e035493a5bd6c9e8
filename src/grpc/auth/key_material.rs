//! The material of a public key: numbers and points that a signature can be verified with. A key that passes here is one
//! that an issuer can have generated.

use std::iter;

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rsa::PublicEncryptingKey,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
        RsaParameters, RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use curve25519_dalek::edwards::CompressedEdwardsY;
use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurveKeyParameters, OctetKeyPairParameters, RSAKeyParameters},
};

use super::jwks::KeyError;

/// The length of a coordinate on P-256, in bytes (RFC 7518, section 6.2.1.2).
const P256_COORDINATE_BYTES: usize = 32;

/// The first byte of an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

const MIN_RSA_BITS: usize = 2_048;

/// The generator of the library whose keys have the weakness ROCA, and the end of the primes that it uses for moduli of at least
/// 2,048 bits.
///
/// Source: Nemec et al., "The Return of Coppersmith's Attack: Practical Factorization of Widely Used RSA Moduli", 2017.
const ROCA_GENERATOR: u32 = 65_537;
const ROCA_PRIMES_END: u32 = 702;

/// Returns the verifier for a key's parameters and the only algorithm that it may be used with. The key is parsed here, and not at
/// each verification.
///
/// # Errors
/// [`KeyError::BadParameters`], [`KeyError::ShortRsa`], or [`KeyError::Roca`].
pub(super) fn verifier(parameters: &AlgorithmParameters, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
    match parameters {
        AlgorithmParameters::RSA(rsa) if algorithm == Algorithm::PS256 => self::rsa(rsa, &RSA_PSS_2048_8192_SHA256),
        AlgorithmParameters::RSA(rsa) => self::rsa(rsa, &RSA_PKCS1_2048_8192_SHA256),
        AlgorithmParameters::EllipticCurve(point) => p256(point),
        AlgorithmParameters::OctetKeyPair(pair) => ed25519(pair),
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_) | _ => Err(KeyError::TypeMismatch),
    }
}

/// aws-lc checks the size and that both numbers are odd and the exponent is neither 1 nor large, but only when it parses a key.
fn rsa(parameters: &RSAKeyParameters, scheme: &'static RsaParameters) -> Result<ParsedPublicKey, KeyError> {
    let [n, e] = [number(&parameters.n)?, number(&parameters.e)?];
    if bits(&n) < MIN_RSA_BITS {
        return Err(KeyError::ShortRsa);
    }
    if is_roca(&n) {
        return Err(KeyError::Roca);
    }
    let der: Result<PublicKeyX509Der<'_>, _> = RsaPublicKeyComponents { n: &n, e: &e }.as_der();
    let der = der.map_err(|_| KeyError::BadParameters)?;
    PublicEncryptingKey::from_der(der.as_ref()).map_err(|_| KeyError::BadParameters)?;
    ParsedPublicKey::new(scheme, der.as_ref()).map_err(|_| KeyError::BadParameters)
}

/// aws-lc checks that the coordinates are below the prime and that the point is on the curve.
fn p256(parameters: &EllipticCurveKeyParameters) -> Result<ParsedPublicKey, KeyError> {
    let mut point = vec![UNCOMPRESSED];
    for coordinate in [&parameters.x, &parameters.y] {
        let coordinate = decode(coordinate)?;
        if coordinate.len() != P256_COORDINATE_BYTES {
            return Err(KeyError::BadParameters);
        }
        point.extend(coordinate);
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| KeyError::BadParameters)
}

/// aws-lc checks only the length. With a key of small order, anyone can sign: the signature with the identity as `R` and 0 as
/// `S` verifies. An encoding that is not canonical is a second name for the same key.
fn ed25519(parameters: &OctetKeyPairParameters) -> Result<ParsedPublicKey, KeyError> {
    let bytes = decode(&parameters.x)?;
    let encoded = CompressedEdwardsY::from_slice(&bytes).map_err(|_| KeyError::BadParameters)?;
    let point = encoded.decompress().filter(|point| !point.is_small_order() && point.compress() == encoded);
    point.ok_or(KeyError::BadParameters)?;
    ParsedPublicKey::new(&ED25519, &bytes).map_err(|_| KeyError::BadParameters)
}

/// Decodes an unsigned number. Leading zero bytes, which RFC 7518 (section 2, `Base64urlUInt`) does not allow, are a common
/// mistake of exporters and change nothing, so they are removed.
fn number(text: &str) -> Result<Vec<u8>, KeyError> {
    Ok(decode(text)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// Returns whether a modulus has the form of those that can be factored because of ROCA (CVE-2017-15361): modulo each small prime,
/// it is a power of the same number. Of random moduli, one in 2¹⁶⁷ is.
fn is_roca(modulus: &[u8]) -> bool {
    let is_prime = |number: &u32| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
    (2..ROCA_PRIMES_END).filter(is_prime).all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
        let powers = iter::successors(Some(1), |power| Some(power * ROCA_GENERATOR % prime));
        powers.take(prime as usize).any(|power| power == remainder)
    })
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::BadParameters)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
