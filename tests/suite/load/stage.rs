//! The service in a process of its own, and what it uses.

use std::{sync::Arc, time::Instant};

use crate::support::{
    World,
    open_loop::OpenLoop,
    process::{Serving, signal},
    resources::Resources,
};

/// The number of people, each the owner of a tenant. They share the calls, so that no one reaches the limit of one person.
pub(super) const PEOPLE: usize = 40;

/// How much the resident memory may grow over what the process used before the load, in KiB. An outer bound: a quarter of the
/// memory limit that the chart sets.
pub(super) const MAX_GROWTH: u64 = 64 * 1024;

pub(super) struct Stage {
    pub(super) world: Arc<World>,
    pub(super) serving: Serving,
}

/// What the process used at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) resources: Resources,
}

impl Stage {
    /// Starts the service with settings that override the defaults, and returns once it is ready.
    pub(super) async fn start(settings: &[&str]) -> Self {
        let (world, serving) = World::with_process(settings).await;
        world.add_owners(PEOPLE);
        world.stripe.record_requests(false);
        Self { world: Arc::new(world), serving }
    }

    pub(super) fn resources(&self) -> Resources {
        Resources::of(self.serving.child.id().unwrap())
    }

    /// Returns how many connections to the service are not closed.
    pub(super) fn connections(&self) -> usize {
        let port = format!(":{:04X}", self.serving.address.port());
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let sockets = table.lines().filter(|line| {
            // The number, both addresses, and the state: ESTABLISHED and CLOSE_WAIT (proc_pid_net(5)).
            let mut fields = line.split_whitespace().skip(1);
            let is_server = fields.next().is_some_and(|local| local.ends_with(&port));
            is_server && fields.nth(1).is_some_and(|state| ["01", "08"].contains(&state))
        });
        sockets.count()
    }

    /// Reads what the process uses so many times per second.
    pub(super) fn sample(&self, per_second: u32) -> OpenLoop<Sample> {
        let process = self.serving.child.id().unwrap();
        OpenLoop::start(
            per_second,
            move |_| async move { Sample { at: Instant::now(), resources: Resources::of(process) } },
        )
    }

    /// Ends the process. It has neither ended before, nor has a call panicked.
    pub(super) async fn end(mut self) {
        assert_eq!(self.serving.child.try_wait().unwrap(), None, "the process has ended");
        signal(&self.serving.child, "-TERM");
        let status = self.serving.child.wait().await.unwrap();
        let log = self.serving.log.await.unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains(r#""message":"panic""#), "{log}");
    }
}

/// Returns the largest memory, in KiB.
pub(super) fn peak(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| sample.resources.memory).max().unwrap()
}
