//! CPU time and memory of a process, from the kernel.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// What a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time of all threads, including those that have ended.
    pub cpu: Duration,
    /// Resident memory in KiB.
    pub resident_kib: f64,
}

/// Returns what a process has used so far. `process` is an id or `self`.
///
/// # Errors
/// If the process has ended.
pub fn of(process: &str) -> Result<Usage> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
    // proc(5): after the name in parentheses, utime and stime are the 12th and 13th field, in clock ticks. Linux divides
    // the precise run time into the two.
    let stat = read("stat")?;
    let fields = stat.rsplit_once(')').context("no name in stat")?.1.split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
    let status = read("status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    Ok(Usage {
        cpu: Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?,
        resident_kib: resident.context("no VmRSS in status")?.trim().parse()?,
    })
}
