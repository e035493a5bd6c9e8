//! What a process holds.

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
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self { descriptors, memory: line.trim().trim_end_matches(" kB").parse().unwrap() }
    }
}
