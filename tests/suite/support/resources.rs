//! What a process holds.

use super::process::memory;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    /// The number of open files.
    pub(crate) descriptors: usize,
    /// The resident memory, in KiB.
    pub(crate) memory: u64,
    /// The largest resident memory so far, in KiB.
    pub(crate) peak: u64,
    pub(crate) threads: usize,
}

impl Resources {
    pub(crate) fn of(process: u32) -> Self {
        let count = |folder: &str| std::fs::read_dir(format!("/proc/{process}/{folder}")).unwrap().count();
        let [memory, peak] = ["VmRSS", "VmHWM"].map(|field| memory(process, field).unwrap());
        Self { descriptors: count("fd"), memory, peak, threads: count("task") }
    }
}
