//! The process of a stage, and what is different around it.

use std::path::Path;

use tokio::process::Command;

use super::fault::Setup;
use crate::support::process::{isolated, program};

/// What `/etc/hosts` has while the name of Stripe's host can be resolved.
pub(super) const HOSTS: &str = "127.0.0.1 localhost\n";

/// Nothing but a file of the test resolves names.
const HOST_NAME: &str =
    r#"mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && exec "$@""#;

/// The audit file has a disk of its own.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=4m tmpfs "$0/disk" && exec "$@""#;

/// Returns the command that starts the service as a fault needs it.
pub(super) async fn command(setup: Setup, folder: &Path) -> Command {
    match setup {
        Setup::HostName => in_namespace(HOST_NAME, folder),
        Setup::SmallDisk => in_namespace(SMALL_DISK, folder),
        Setup::Collector(collector) => {
            let mut command = isolated(program());
            command.envs(collector.variables().await);
            command
        }
        Setup::Shared | Setup::Password | Setup::OwnServer | Setup::Standby | Setup::Pooler | Setup::Pipe => {
            isolated(program())
        }
    }
}

/// Starts the service where it alone sees what a script mounts.
fn in_namespace(script: &str, folder: &Path) -> Command {
    let mut command = isolated("unshare");
    if !rustix::process::getuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", script]).arg(folder).arg(program());
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}
