//! Captures that are sent to a server while they are written.

use crate::arguments::LiveArguments;
use crate::client::Client;
use crate::upload::{id_of, send_whole};
use anyhow::{Result, ensure};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked whether more was written.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes that are sent at a time.
const PART_LEN: u64 = 4 << 20;

/// Files that are followed on a thread of their own. What goes wrong meanwhile disturbs nobody: it is made good at the end.
pub(crate) struct Live {
    end: Sender<()>,
    thread: JoinHandle<Vec<Sent>>,
}

/// A capture that was sent, and the id of its profile; or why that could not be.
pub(crate) type Sent = (PathBuf, Result<String>);

/// A file, and how much of it the server has.
struct Followed {
    path: PathBuf,
    upload: Result<Upload>,
}

struct Upload {
    /// The path of the upload at the server.
    url: String,
    file: File,
    sent: u64,
    hasher: blake3::Hasher,
}

impl Live {
    /// As [`Self::begin`], if there is a server.
    pub(crate) fn begin_if_wanted(
        arguments: &LiveArguments,
        find: impl Fn() -> Vec<PathBuf> + Send + 'static,
    ) -> Option<Self> {
        let server = arguments.server.as_deref()?;
        Some(Self::begin(Client::new(server, &arguments.credentials), find))
    }

    /// Follows the files that `find` finds, now and later.
    fn begin(server: Client, find: impl Fn() -> Vec<PathBuf> + Send + 'static) -> Self {
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            let mut followed: Vec<Followed> = Vec::new();
            loop {
                let is_over = !matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout));
                for path in find() {
                    if !followed.iter().any(|known| known.path == path) {
                        followed.push(Followed { upload: Upload::begin(&server, &path), path });
                    }
                }
                if is_over {
                    return followed.into_iter().map(|followed| followed.end(&server)).collect();
                }
                followed.iter_mut().for_each(|followed| followed.send(&server));
            }
        });
        Self { end, thread }
    }

    /// Nothing will be written any more: sends the rest.
    pub(crate) fn end(self) -> Vec<Sent> {
        // The thread listens until it is told.
        let _told = self.end.send(());
        self.thread.join().unwrap_or_default()
    }
}

impl Followed {
    fn send(&mut self, server: &Client) {
        if let Ok(upload) = &mut self.upload
            && let Err(error) = upload.send_new(server)
        {
            self.upload = Err(error);
        }
    }

    /// Sends the rest; if that cannot be, the whole.
    fn end(self, server: &Client) -> Sent {
        let rest = self.upload.and_then(|upload| upload.end(server, &self.path));
        let sent = rest.or_else(|_| send_whole(server, &self.path));
        (self.path, sent)
    }
}

impl Upload {
    fn begin(server: &Client, path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let url = server.begin_live(&path.file_name().unwrap_or_default().to_string_lossy())?;
        Ok(Self { url, file, sent: 0, hasher: blake3::Hasher::new() })
    }

    /// Sends what was written since.
    fn send_new(&mut self, server: &Client) -> Result<()> {
        while let Some(part) = self.next_part()? {
            server.append(&self.url, self.sent, &part)?;
            self.hasher.update(&part);
            self.sent += part.len() as u64;
        }
        Ok(())
    }

    fn next_part(&mut self) -> Result<Option<Vec<u8>>> {
        let mut part = Vec::new();
        self.file.by_ref().take(PART_LEN).read_to_end(&mut part)?;
        Ok(Some(part).filter(|part| !part.is_empty()))
    }

    fn end(mut self, server: &Client, path: &Path) -> Result<String> {
        self.send_new(server)?;
        if let Err(error) = self.check(path) {
            server.abandon(&self.url)?;
            return Err(error);
        }
        id_of(&server.complete(&self.url, self.sent)?)
    }

    /// Whether what was sent is what the file begins with: a torn end may have been cut off and written anew.
    fn check(&self, path: &Path) -> Result<()> {
        let mut hasher = blake3::Hasher::new();
        let len = std::io::copy(&mut File::open(path)?, &mut hasher)?;
        let is_same = len == self.sent && hasher.finalize() == self.hasher.finalize();
        ensure!(is_same, "the file was changed after it was sent");
        Ok(())
    }
}
