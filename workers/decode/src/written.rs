//! Files that appear whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::DecodeError;

/// A file being written under a temporary name beside its place. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Unfinished {
    temporary: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// For a file at `place`. The name is this process's own: nobody else, not even a child that outlives its
    /// killed parent, writes to it.
    pub(crate) fn at(place: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let temporary = place.with_file_name(format!(".{name}.{}-{next}.part", std::process::id()));
        Self { temporary, place: place.to_owned() }
    }

    /// Where the bytes go until then.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Puts the file in its place for good and returns its size in bytes.
    pub(crate) fn publish(self) -> Result<u64, DecodeError> {
        let publish = || -> io::Result<u64> {
            let file = fs::File::open(&self.temporary)?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.temporary, &self.place)?;
            let folder = self.place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            fs::File::open(folder)?.sync_all()?;
            Ok(bytes)
        };
        publish().map_err(|error| DecodeError::write(&self.place, error))
    }

    /// A failure of FFmpeg's that was in truth one to write this file.
    pub(crate) fn blame_disk(&self, error: DecodeError) -> DecodeError {
        match error {
            DecodeError::Broken { detail, .. } if detail.contains("No space left on device") => {
                DecodeError::NoSpace { path: self.place.clone() }
            }
            other => other,
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_file(&self.temporary);
    }
}
