//! The short run of a target: its seeds, and variants of them. Random bytes alone would never get past the first check.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::ThreadRng};

/// How long variants are checked.
const TIME: Duration = Duration::from_millis(500);

/// Bytes that mean something to at least one of the parsers.
const SPECIAL: &[u8] = b"\0\t\n\r \"%&',-./:;=?@[\\]_{}~\x7f\x80\xc0\xff09azAZ+*#<>$|";

/// Checks the seeds, the inputs that once failed, and variants of them. Prints how many.
///
/// # Panics
/// If a check panics. A variant is then kept in `fuzz/crashes`.
pub(crate) fn run(target: &str, check: impl Fn(&[u8])) {
    let [seeds, crashes] = ["corpus", "crashes"].map(|kind| inputs(&format!("{kind}/{target}")));
    assert!(!seeds.is_empty(), "fuzz/corpus/{target} has no seeds");
    let checked = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| check(input)));
    for (name, input) in seeds.iter().chain(&crashes) {
        checked(input).unwrap_or_else(|panic| {
            eprintln!("fuzz: {name} fails");
            resume_unwind(panic)
        });
    }
    let (mut random, start, mut variants) = (rand::rng(), Instant::now(), 0_u64);
    while start.elapsed() < TIME {
        let input = variant(&seeds, &mut random);
        checked(&input).unwrap_or_else(|panic| {
            eprintln!("fuzz: {} fails: {:?}", keep(target, &input), String::from_utf8_lossy(&input));
            resume_unwind(panic)
        });
        variants += 1;
    }
    println!("fuzz: {target}: {} seeds, {} former crashes, {variants} variants", seeds.len(), crashes.len());
}

/// Returns the files in a folder below `fuzz`, with their names, or none if there is no folder.
fn inputs(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Returns a seed in which a few short ranges are replaced.
fn variant(seeds: &[(String, Vec<u8>)], random: &mut ThreadRng) -> Vec<u8> {
    let mut input = seeds[random.random_range(..seeds.len())].1.clone();
    for _ in 0..random.random_range(1..=4) {
        let other = &seeds[random.random_range(..seeds.len())].1;
        let place = range(input.len(), random);
        let piece = match random.random_range(0..5) {
            0 => Vec::new(),
            1 => other[range(other.len(), random)].to_vec(),
            2 => input[place.clone()].repeat(2),
            3 => vec![random.random()],
            _ => vec![SPECIAL[random.random_range(..SPECIAL.len())]],
        };
        input.splice(place, piece);
    }
    input
}

/// Returns a range in an input of this length, short and often empty.
fn range(length: usize, random: &mut ThreadRng) -> Range<usize> {
    let start = random.random_range(..=length);
    let longest = if random.random_bool(0.2) { 64 } else { 2 };
    start..start + random.random_range(..=longest.min(length - start))
}

/// Keeps an input, so that every later run checks it. Returns the name of its file.
fn keep(target: &str, input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/crashes").join(target);
    let file = folder.join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(folder).unwrap();
    fs::write(&file, input).unwrap();
    file.display().to_string()
}
