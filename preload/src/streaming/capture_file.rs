//! The file from which clients are served.

use std::ffi::CString;

use crate::environment;
use crate::sys::{self, Descriptor, Errno, Open, Result};

/// The capture's file, open for reading.
#[derive(Debug)]
pub(super) struct CaptureFile(Descriptor);

impl CaptureFile {
    /// Opens what the writer writes to, under whatever name it is known now, if any.
    pub(super) fn open(written: Descriptor) -> Result<Self> {
        // A pipe opened for reading would swallow what is meant for somebody else.
        if sys::status(written)?.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(Errno(libc::ESPIPE));
        }
        let path =
            CString::new(format!("/proc/thread-self/fd/{}", written.0)).map_err(|_| Errno(libc::EINVAL))?;
        sys::open(&path, Open::Read).map(Self)
    }

    /// Bytes that are in the file.
    pub(super) fn len(&self) -> u64 {
        sys::status(self.0).map_or(0, |status| status.st_size as u64)
    }

    pub(super) fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<usize> {
        sys::read_at(self.0, position, buffer)
    }
}

impl Drop for CaptureFile {
    fn drop(&mut self) {
        sys::close(self.0);
    }
}

/// A file without a name, for a capture that is streamed but not wanted on disk. It vanishes with the process.
pub(crate) fn spool() -> Result<Descriptor> {
    let mut folder = None;
    environment::for_each(|entry| {
        folder = folder.take().or_else(|| entry.strip_prefix(b"TMPDIR=").map(<[u8]>::to_vec));
    });
    // `/tmp` is often memory, which is what the program should not lose.
    let folders = [folder.as_deref().unwrap_or_default(), b"/var/tmp", b"/tmp"];
    let mut result = Err(Errno(libc::ENOENT));
    for folder in folders.into_iter().filter(|folder| !folder.is_empty()) {
        result = nameless(folder);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn nameless(folder: &[u8]) -> Result<Descriptor> {
    let mut random = [0; 8];
    sys::random(&mut random);
    let name = format!("/bytehound-{}-{:016x}", sys::process_id().unwrap_or(0), u64::from_le_bytes(random));
    let path = CString::new([folder, name.as_bytes()].concat()).map_err(|_| Errno(libc::EINVAL))?;
    let file = sys::open(&path, Open::New)?;
    // If it keeps its name, it can still be used.
    let _ = sys::unlink(&path);
    Ok(file)
}
