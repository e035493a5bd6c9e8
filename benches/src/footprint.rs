//! Figures of the program itself: size, crates, start and builds.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{
    contender, process,
    report::{Rows, Spread, markdown},
    situations::{self, Server},
    stage::Directory,
};

/// The figures.
#[derive(Debug, Serialize)]
pub struct Footprint {
    /// Size of the stripped release binary.
    pub binary_mib: Option<f64>,
    /// Crates that are compiled into the service or run to build it.
    pub crates: usize,
    /// From the start of the process to `SERVING`, over all starts with a SQLite file, which exists.
    pub start_ms: Option<Spread>,
    pub builds: Option<Builds>,
}

/// How long builds take, in seconds. All crates are downloaded before.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Builds {
    /// The release binary, from an empty target folder.
    pub clean_release_s: f64,
    /// The example `settings` with the development profile, from an empty target folder.
    pub clean_example_s: f64,
    /// The same after a change of one file in `src/portal`.
    pub incremental_example_s: f64,
}

impl Footprint {
    /// Measures the program. Builds take minutes, so they are optional.
    ///
    /// # Errors
    /// If a tool is missing or fails.
    pub fn measure(rows: &Rows, with_builds: bool) -> Result<Self> {
        let starts = situations::ALL.iter().filter(|situation| {
            situation.server == Server::Service && matches!(situation.directory, Directory::Sqlite(_))
        });
        let starts = starts.filter_map(|situation| rows.0.iter().find(|row| row.name == situation.name));
        Ok(Self {
            binary_mib: Some(binary_mib()?),
            crates: crates()?,
            start_ms: Spread::of(starts.flat_map(|row| row.rounds.iter().filter_map(|figures| figures.start_ms))),
            builds: with_builds.then(builds).transpose()?,
        })
    }

    /// Returns the figures as a Markdown table.
    pub fn table(&self) -> String {
        let mut table = markdown(["footprint", "figure"]);
        let mut add = |what: &str, figure: Option<String>| {
            if let Some(figure) = figure {
                table.add_row([what, &figure]);
            }
        };
        let builds = |figure: fn(&Builds) -> f64| self.builds.as_ref().map(|builds| format!("{:.0}", figure(builds)));
        add("stripped release binary, MiB", self.binary_mib.map(|size| format!("{size:.1}")));
        add("crates, normal and build dependencies", Some(self.crates.to_string()));
        add("start to SERVING, ms", self.start_ms.map(|start| start.show(1)));
        add("clean release build, s", builds(|builds| builds.clean_release_s));
        add("clean build of the example settings, s", builds(|builds| builds.clean_example_s));
        add("the same after a change in src/portal, s", builds(|builds| builds.incremental_example_s));
        table.to_string()
    }
}

fn binary_mib() -> Result<f64> {
    let stripped = tempfile::NamedTempFile::new()?;
    let program = contender::program("billing-portal")?;
    run(Command::new("strip").arg("-o").arg(stripped.path()).arg(program.get_program()))?;
    Ok(fs::metadata(stripped.path())?.len() as f64 / 1_048_576.0)
}

fn crates() -> Result<usize> {
    let arguments = ["tree", "--locked", "--edges=normal,build", "--prefix=none", "--format={p}"];
    let output = Command::new("cargo").args(arguments).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "cargo tree: {}", output.status);
    let lines = String::from_utf8(output.stdout)?;
    Ok(lines.lines().map(|line| line.trim_end_matches(" (*)")).collect::<std::collections::BTreeSet<_>>().len() - 1)
}

/// Builds a copy of the sources, so that a change does not touch the checkout. Uses all processors.
fn builds() -> Result<Builds> {
    process::pin(&[0, 1])?;
    let folder = tempfile::tempdir_in(contender::programs()?)?;
    let source = folder.path().join("source");
    fs::create_dir(&source)?;
    let copy =
        format!("git ls-files -z | tar --create --null --files-from=- | tar --extract -C '{}'", source.display());
    run(Command::new("sh").args(["-c", &copy]))?;
    let build = |arguments: &[&str]| {
        let start = Instant::now();
        let mut command = Command::new("cargo");
        command.args(["build", "--quiet", "--locked"]).args(arguments).current_dir(&source);
        run(command.env_remove("CARGO_TARGET_DIR"))?;
        anyhow::Ok(start.elapsed().as_secs_f64())
    };
    let clean_release_s = build(&["--release", "--bin=billing-portal"])?;
    let clean_example_s = build(&["--example=settings"])?;
    append(&source.join("src/portal/mod.rs"), "/// A change.\npub const CHANGE: u8 = 1;\n")?;
    Ok(Builds { clean_release_s, clean_example_s, incremental_example_s: build(&["--example=settings"])? })
}

fn append(path: &Path, text: &str) -> Result<()> {
    let before = fs::read_to_string(path)?;
    Ok(fs::write(path, before + "\n" + text)?)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
