//! Secrets in files that everyone on the machine can read.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path},
};

use crate::config::Config;

const OTHERS_READ: u32 = 0o004;
const OTHERS_SEARCH: u32 = 0o001;

/// Returns the settings whose files hold a secret that everyone can read, with the paths. Key sets and certificates are
/// public. A file that cannot be read is reported by the check that uses it.
pub(super) fn secrets(config: &Config) -> Vec<(&'static str, &Path)> {
    let key = ("--stripe-secret-key-file", config.stripe.secret_key_file.as_path());
    let password = config.directory.password_file.as_deref().map(|path| ("--database-password-file", path));
    let tls = config.tls.as_ref().map(|tls| ("--tls-private-key-file", tls.private_key_file.as_path()));
    let files = std::iter::once(key).chain(password).chain(tls);
    files.filter(|(_, path)| is_readable_by_everyone(path).unwrap_or(false)).collect()
}

/// Returns whether everyone can read the file: others may read it, and may pass through every directory that leads to
/// it. Symbolic links are followed.
///
/// # Errors
/// If the file or a directory cannot be examined.
pub fn is_readable_by_everyone(path: &Path) -> io::Result<bool> {
    let file = path.canonicalize()?;
    if is_projected_by_kubernetes(&file) || mode(&file)? & OTHERS_READ == 0 {
        return Ok(false);
    }
    for directory in file.ancestors().skip(1) {
        if mode(directory)? & OTHERS_SEARCH == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether the file is in a volume that Kubernetes fills: it keeps the files in a directory such as
/// `..2026_01_31_12_00_00.123456789`. Such a volume is mounted in the containers of one pod, and on the node it is below
/// a directory that only root can open. From inside, the modes look as if everyone could read it.
fn is_projected_by_kubernetes(file: &Path) -> bool {
    let is_timestamped =
        |name: &str| name.strip_prefix("..").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()));
    file.components().any(|part| matches!(part, Component::Normal(name) if name.to_str().is_some_and(is_timestamped)))
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(path.metadata()?.permissions().mode())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// Returns a new directory in one that everyone can open; `TMPDIR` may be private.
    fn directory(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        set_mode(folder.path(), mode);
        folder
    }

    fn write(path: &Path, file_mode: u32) {
        fs::write(path, "secret").unwrap();
        set_mode(path, file_mode);
    }

    #[test]
    fn file_is_exposed_if_it_and_every_directory_are_open() {
        let folder = directory(0o755);
        let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/key"));
        fs::create_dir(&inner).unwrap();
        for (directory_mode, file_mode, expected) in [
            (0o755, 0o644, true),
            (0o711, 0o604, true),
            (0o755, 0o640, false),
            (0o750, 0o644, false),
            (0o754, 0o644, false),
        ] {
            write(&file, file_mode);
            set_mode(&inner, directory_mode);
            assert_eq!(is_readable_by_everyone(&file).unwrap(), expected, "{directory_mode:o} {file_mode:o}");
            set_mode(&inner, 0o755);
        }
        set_mode(folder.path(), 0o700);
        set_mode(&file, 0o644);
        assert!(!is_readable_by_everyone(&file).unwrap());
    }

    #[test]
    fn modes_of_the_target_of_a_link_count() {
        let (public, private) = (directory(0o755), directory(0o700));
        for (folder, link_folder, expected) in [(&private, &public, false), (&public, &private, true)] {
            write(&folder.path().join("key"), 0o644);
            let link = link_folder.path().join("link");
            std::os::unix::fs::symlink(folder.path().join("key"), &link).unwrap();
            assert_eq!(is_readable_by_everyone(&link).unwrap(), expected);
        }
    }

    #[test]
    fn volume_of_kubernetes_is_not_exposed() {
        let volume = directory(0o755);
        let data = volume.path().join("..2026_01_31_12_00_00.123456789");
        fs::create_dir(&data).unwrap();
        write(&data.join("key"), 0o644);
        std::os::unix::fs::symlink(data.file_name().unwrap(), volume.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/key", volume.path().join("key")).unwrap();
        assert!(!is_readable_by_everyone(&volume.path().join("key")).unwrap());
    }
}
