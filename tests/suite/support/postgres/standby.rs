//! Standbys, and servers that fail.

use super::Postgres;

impl Postgres {
    /// Starts a standby that streams from this server, with the same certificate.
    pub(crate) fn start_standby(&self) -> Self {
        let standby = Self::create();
        let (folder, port) = (self.folder.display(), self.port);
        let from = [format!("--host={folder}"), format!("--port={port}")];
        standby.run("pg_basebackup", &["--no-sync", "--checkpoint=fast", "--username=admin", &from[0], &from[1]]);
        for file in ["ca.pem", "server.pem", "server.key"] {
            std::fs::copy(self.folder.join(file), standby.folder.join(file)).unwrap();
            standby.chown_to_database_user(&standby.folder.join(file));
        }
        standby.write_standby_signal();
        standby.start_on_free_port(&format!("primary_conninfo = 'host={folder} port={port} user=admin'\n"))
    }

    /// Stops the server without a shutdown, as when its machine fails.
    pub(crate) fn kill(&self) {
        self.run("pg_ctl", &["--silent", "--wait", "--mode=immediate", "stop"]);
    }

    /// Starts the server again after its processes were killed, which leaves the files that name them.
    pub(crate) fn start_after_kill(&self) {
        let lock = self.folder.join("data/postmaster.pid");
        let id = std::fs::read_to_string(&lock).unwrap().lines().next().unwrap().to_owned();
        // A process that nobody has waited for yet has ended as well.
        let has_ended = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        while !has_ended() {
            std::thread::yield_now();
        }
        std::fs::remove_file(lock).unwrap();
        std::fs::remove_file(self.folder.join(format!(".s.PGSQL.{}.lock", self.port))).unwrap();
        self.start_again();
    }

    /// Restarts the server as a standby without a primary.
    pub(crate) fn restart_as_standby(&self) {
        self.stop();
        self.start_as_standby();
    }

    /// Starts the server again as a standby without a primary.
    pub(crate) fn start_as_standby(&self) {
        self.write_standby_signal();
        self.start_again();
    }

    fn write_standby_signal(&self) {
        let signal = self.folder.join("data/standby.signal");
        std::fs::write(&signal, "").unwrap();
        self.chown_to_database_user(&signal);
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        self.run("pg_ctl", &["--silent", "--wait", "promote"]);
    }
}
