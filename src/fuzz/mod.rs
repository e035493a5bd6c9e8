//! Runs the fuzz targets: tests that check an invariant for hostile input. Each target is beside the code that reads the input.
//!
//! In `cargo test`, a target checks its seeds and the inputs that once failed, and then variants of them for a moment. With
//! `fuzz/run`, libFuzzer looks for inputs that reach new code. See fuzz/README.md.

#[cfg(not(fuzzing_libfuzzer))]
mod edit;

use http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(not(fuzzing_libfuzzer))]
pub(crate) use edit::run;

/// Checks inputs until libFuzzer stops. It ends the process, so only one target runs in a process.
#[cfg(fuzzing_libfuzzer)]
pub(crate) fn run(_: &str, check: impl Fn(&[u8])) {
    use bolero_engine::{BorrowedSliceTest, Engine as _, driver::Options};

    let check = std::panic::AssertUnwindSafe(check);
    let test = BorrowedSliceTest::new(move |input: &[u8]| (*check)(input));
    bolero_libfuzzer::LibFuzzerEngine::default().run(test, Options::default());
}

/// Returns the text of an input, or an empty one if it is not text.
pub(crate) fn text(input: &[u8]) -> &str {
    std::str::from_utf8(input).unwrap_or_default()
}

/// Returns the headers of an input, in lines such as `name: value`. A line that cannot be a header is left out.
pub(crate) fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}
