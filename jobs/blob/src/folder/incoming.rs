//! Files that are being written: one folder a process, locked for as long as the process lives. A lock goes
//! with its process, so whatever lies in an unlocked folder was left by a dead one, and nothing else is.
//!
//! ```text
//! .incoming/lock      held while processes come and clean up, one at a time
//! .incoming/3/lock    held by its process until it ends
//! .incoming/3/17      being written
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

const FOLDER: &str = ".incoming";
const LOCK: &str = "lock";

pub(super) struct Incoming {
    folder: PathBuf,
    next: AtomicU64,
    /// Held, never looked at.
    _lock: File,
}

impl Incoming {
    /// Removes what the dead left, and makes this process's folder.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let all = root.join(FOLDER);
        fs::create_dir_all(&all)?;
        let gate = File::options().create(true).append(true).open(all.join(LOCK))?;
        // Where the file system has no locks, nobody can be told dead, and nothing is removed.
        let locks = gate.lock().is_ok();
        if locks {
            clean(&all)?;
        }
        for number in 0_u64.. {
            let folder = all.join(number.to_string());
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
            if locks {
                lock.lock()?;
            }
            return Ok(Self { folder, next: AtomicU64::new(0), _lock: lock });
        }
        Err(io::Error::other("no number is left"))
    }

    /// Writes a file that survives a crash, still without a name; `fill` writes what is in it.
    pub(super) fn write(&self, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Written> {
        let path = self.folder.join(self.next.fetch_add(1, Relaxed).to_string());
        let mut file = File::create_new(&path)?;
        let written = Written { path };
        fill(&mut file)?;
        file.sync_all()?;
        Ok(written)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Else the next one to open it does so.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A finished file; removed unless published.
pub(super) struct Written {
    path: PathBuf,
}

impl Written {
    /// Gives the file its name, in one step, unless that name is taken.
    pub(super) fn publish(self, name: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, name) {
            // File systems without links say one of these. There, of two writers in the same moment the last
            // one wins, with a whole file too.
            Err(error)
                if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported)
                    && !name.exists() =>
            {
                fs::rename(&self.path, name)
            }
            linked => linked,
        }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn clean(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let folder = entry?.path();
        if folder.is_dir() && is_dead(&folder) {
            tracing::info!(folder = %folder.display(), "removing what a dead process was writing");
            if let Err(error) = fs::remove_dir_all(&folder).or_else(gone) {
                tracing::warn!(folder = %folder.display(), %error, "left in place; remove it by hand");
            }
        }
    }
    Ok(())
}

/// Whether nobody holds the lock of `folder`. Called only while nobody makes a folder.
fn is_dead(folder: &Path) -> bool {
    match File::options().append(true).open(folder.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
