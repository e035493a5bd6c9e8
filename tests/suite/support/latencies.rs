//! Latencies and their quantiles.

use std::time::Duration;

/// In ascending order.
pub(crate) struct Latencies(Vec<Duration>);

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        let mut latencies: Vec<_> = latencies.into_iter().collect();
        latencies.sort_unstable();
        Self(latencies)
    }
}

impl Latencies {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> Duration {
        self.at(self.0.len() / 2)
    }

    /// The latency that 99 % do not exceed.
    pub(crate) fn p99(&self) -> Duration {
        self.at(self.0.len() * 99 / 100)
    }

    pub(crate) fn largest(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    /// Of no calls, every latency is 0.
    fn at(&self, index: usize) -> Duration {
        self.0.get(index).copied().unwrap_or_default()
    }
}
