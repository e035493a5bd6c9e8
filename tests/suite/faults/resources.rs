//! What a process holds.

use crate::support::process::memory;

#[derive(Clone, Copy, Debug)]
pub(super) struct Resources {
    /// The number of open files.
    pub(super) descriptors: usize,
    /// The resident memory, in KiB.
    pub(super) memory: u64,
    /// The largest resident memory so far, in KiB.
    pub(super) peak: u64,
}

impl Resources {
    pub(super) fn of(process: u32) -> Self {
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
        let [memory, peak] = ["VmRSS", "VmHWM"].map(|field| memory(process, field).unwrap());
        Self { descriptors, memory, peak }
    }
}
