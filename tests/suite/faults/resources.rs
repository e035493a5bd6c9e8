//! What a process holds.

use crate::support::process::memory;

#[derive(Clone, Copy, Debug)]
pub(super) struct Resources {
    /// The number of open files.
    pub(super) descriptors: usize,
    /// The resident memory, in KiB.
    pub(super) memory: u64,
}

impl Resources {
    pub(super) fn of(process: u32) -> Self {
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
        Self { descriptors, memory: memory(process, "VmRSS").unwrap() }
    }
}
