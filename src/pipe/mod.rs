//! Writing to a file that may be a pipe in the mode `O_NONBLOCK`, such as standard output and standard error. The mode
//! belongs to everyone who has the pipe open, so it is not changed.

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
};

/// Writes everything, and waits as long as a pipe is full. `left` becomes what is not written yet.
///
/// # Errors
/// Those of the file, after which `left` is what was not written.
pub fn write_all<F: AsFd + Write>(file: &mut F, left: &mut &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        match file.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => *left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                retry_on_intr(|| poll(&mut [PollFd::new(&*file, PollFlags::OUT)], None))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
