//! Every dependency of the two programs that runs a build script or contains C code is listed with the reason why it is here.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the packages that are compiled into the programs, or that run to compile them.
fn compiled() -> Vec<Value> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // `cargo metadata` also has packages of features that are not enabled, so `cargo tree` says which are compiled.
    let tree =
        ["tree", "--locked", "--package=billing-portal", "--edges=normal,build", "--prefix=none", "--format={p}"];
    let tree = cargo(&[&tree[..], &["--target", TARGET]].concat());
    let compiled: BTreeSet<_> =
        tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let metadata = cargo(&["metadata", "--locked", "--format-version=1", "--filter-platform", TARGET]);
    let Value::Array(packages) = serde_json::from_str::<Value>(&metadata).unwrap()["packages"].take() else { panic!() };
    let is_compiled = |package: &Value| {
        let [name, version] = ["name", "version"].map(|member| package[member].as_str().unwrap());
        compiled.contains(&format!("{name} v{version}"))
    };
    packages.into_iter().filter(is_compiled).collect()
}

fn names(packages: &[Value], has: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    packages.iter().filter(|package| has(package)).map(|package| package["name"].as_str().unwrap().to_owned()).collect()
}

/// Returns the first column of the table below a heading.
fn listed(heading: &str) -> BTreeSet<String> {
    let text = include_str!("../../../docs/dependencies.md").split(&format!("## {heading}\n")).nth(1).unwrap();
    let rows = text.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn dependencies_with_build_scripts_or_c_code_are_listed() {
    let packages = compiled();
    let has_script = |package: &Value| {
        let targets = package["targets"].as_array().unwrap();
        targets.iter().any(|target| target["kind"][0] == "custom-build")
    };
    let compiles_c = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        has_script(package) && dependencies.iter().any(|needed| needed["name"] == "cc" && needed["kind"] == "build")
    };
    assert_eq!(listed("C code"), names(&packages, compiles_c));
    let only_rust = names(&packages, |package| has_script(package) && !compiles_c(package));
    assert_eq!(listed("Build scripts in Rust"), only_rust);
    println!("{} packages, {} with a build script in Rust", packages.len(), only_rust.len());
}
