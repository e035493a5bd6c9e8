//! The benchmarks are a workspace of their own, but build their dependencies like the service.

const SERVICE: &str = include_str!("../../../Cargo.toml");
const BENCHES: &str = include_str!("../../../benches/Cargo.toml");
const SERVICE_LOCK: &str = include_str!("../../../Cargo.lock");
const BENCHES_LOCK: &str = include_str!("../../../benches/Cargo.lock");

/// The profiles of a manifest, without comments.
fn profiles(manifest: &str) -> Vec<&str> {
    let sections = manifest.split("\n[").filter(|section| section.starts_with("profile."));
    let lines = sections.flat_map(|section| section.lines().filter(|line| !line.starts_with('#') && !line.is_empty()));
    lines.collect()
}

/// The names and versions of the packages from the registry.
fn packages(lock: &str) -> Vec<&str> {
    let packages = lock.split("[[package]]\n").filter(|package| package.contains("\nsource = "));
    packages.filter_map(|package| package.split("\nsource").next()).collect()
}

#[test]
fn benchmarks_have_the_profiles_of_the_service() {
    assert_eq!(profiles(BENCHES), profiles(SERVICE));
}

#[test]
fn benchmarks_have_the_versions_of_the_service() {
    let of_service = packages(SERVICE_LOCK);
    let others: Vec<_> = packages(BENCHES_LOCK).into_iter().filter(|package| !of_service.contains(package)).collect();
    // Only the benchmarks need these.
    assert!(others.iter().all(|package| package.contains("\"hdrhistogram\"")), "see benches/README.md: {others:#?}");
}
