//! What a service needs around it, such as that of a [`World`](super::World).

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use stripe_simulator::{Mode, Settings, Simulator};
use tempfile::TempDir;

use super::{Issuer, directory, world::FLAG_ON};

/// Starts what the service needs, and writes its files into a folder that only this user can open, as for files with secrets.
pub(crate) async fn surroundings(stripe: Settings) -> (TempDir, Simulator, Issuer) {
    let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
    let stripe = super::stripe::simulator(stripe).await;
    directory::create(&folder);
    let issuer = Issuer::new("key-1");
    std::fs::write(folder.path().join("flags.json"), FLAG_ON).unwrap();
    std::fs::write(folder.path().join("jwks.json"), issuer.jwks().to_string()).unwrap();
    std::fs::write(folder.path().join("stripe.key"), stripe.secret_key(Mode::Test)).unwrap();
    (folder, stripe, issuer)
}
