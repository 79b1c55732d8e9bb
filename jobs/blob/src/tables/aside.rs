//! A file that is written beside its name and takes it when it is complete.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::ExportError;

/// A file being written; removed when dropped.
pub(super) struct Aside {
    file: File,
    name: Name,
}

/// A complete and synced file; removed unless published.
pub(super) struct Complete(Name);

struct Name {
    partial: PathBuf,
    wanted: PathBuf,
}

impl Aside {
    pub(super) fn create(wanted: PathBuf) -> Result<Self, ExportError> {
        let mut partial = wanted.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| ExportError::of_file("create", &partial, error))?;
        Ok(Self { file, name: Name { partial, wanted } })
    }

    pub(super) fn complete(self) -> Result<Complete, ExportError> {
        self.file.sync_all().map_err(|error| ExportError::of_file("write", &self.name.partial, error))?;
        Ok(Complete(self.name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.name.partial
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Complete {
    pub(super) fn publish(self) -> Result<PathBuf, ExportError> {
        let wanted = self.0.wanted.clone();
        fs::rename(&self.0.partial, &wanted)
            .and_then(|()| wanted.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()))
            .map_err(|error| ExportError::of_file("name", &wanted, error))?;
        Ok(wanted)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // Gone where it was published.
        let _ = fs::remove_file(&self.partial);
    }
}
