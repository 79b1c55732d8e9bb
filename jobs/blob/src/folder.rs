//! Objects as files of a folder. Whole or not there at all: a file is written aside, synced, and then given
//! its name in one step.

mod incoming;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BlobError, Blobs, Put, keys, port::remedy};
use incoming::Incoming;

/// A folder of objects. Several processes may share it.
#[derive(Clone)]
pub struct Folder {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    /// `root` as FFmpeg and the store are told.
    root_text: String,
    incoming: Incoming,
}

impl Folder {
    /// Opens the folder at `root`, makes it where there is none, and removes what processes left that died
    /// while writing. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// When it cannot be made or written to, or its path is not UTF-8.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let failed = |action| {
            move |source: io::Error| BlobError::Storage {
                action,
                what: "the folder for blobs".to_owned(),
                place: root.display().to_string(),
                remedy: remedy(&source),
                source: source.into(),
            }
        };
        fs::create_dir_all(root).map_err(failed("make"))?;
        let root = root.canonicalize().map_err(failed("open"))?;
        let Some(root_text) = root.to_str().map(str::to_owned) else {
            return Err(BlobError::Storage {
                action: "open",
                what: "the folder for blobs".to_owned(),
                place: root.display().to_string(),
                remedy: "its path is not UTF-8; choose another",
                source: "path is not UTF-8".into(),
            });
        };
        let incoming = Incoming::open(&root).map_err(failed("write to"))?;
        Ok(Self { inner: Arc::new(Inner { root, root_text, incoming }) })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        key: &str,
        work: impl FnOnce(&Inner, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let (inner, name) = (Arc::clone(&self.inner), key.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&inner, &name)).await;
        match done.unwrap_or_else(|ended| Err(io::Error::other(ended))) {
            Ok(value) => Ok(value),
            Err(source) => Err(BlobError::Storage {
                action,
                what: key.to_owned(),
                place: self.inner.path(key).display().to_string(),
                remedy: remedy(&source),
                source: source.into(),
            }),
        }
    }

    fn missing(&self, key: &str) -> BlobError {
        BlobError::Missing { key: key.to_owned(), place: self.inner.path(key).display().to_string() }
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<Put, BlobError> {
        keys::check(key)?;
        self.blocking("write", key, move |inner, key| inner.put(key, |file| file.write_all(&bytes))).await
    }

    async fn put_stream(&self, key: &str, mut bytes: Box<dyn Read + Send>) -> Result<Put, BlobError> {
        keys::check(key)?;
        let put = self.blocking("write", key, move |inner, key| {
            let mut unread = None;
            let put = inner.put(key, |file| copy(&mut *bytes, file, &mut unread));
            unread.map_or_else(|| put.map(Ok), |why| Ok(Err(why)))
        });
        put.await?.map_err(|source| BlobError::Unread { key: key.to_owned(), source })
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        keys::check(key)?;
        let bytes = self.blocking("read", key, |inner, key| present(fs::read(inner.path(key)))).await?;
        bytes.map(Bytes::from).ok_or_else(|| self.missing(key))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        keys::check(key)?;
        self.blocking("look at", key, |inner, key| size(&inner.path(key))).await
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        keys::check(key)?;
        self.blocking("delete", key, |inner, key| present(fs::remove_file(inner.path(key))).map(drop)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError> {
        let after = after.unwrap_or_default().to_owned();
        self.blocking("list", prefix, move |inner, prefix| {
            let mut page = Page { prefix, after: &after, limit, keys: Vec::new() };
            page.walk(&inner.root, "")?;
            Ok(page.keys)
        })
        .await
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        match self.size(key).await? {
            Some(_) => Ok(format!("{}/{key}", self.inner.root_text)),
            None => Err(self.missing(key)),
        }
    }
}

impl Inner {
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn put(&self, key: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Put> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        let put = if size(&path)?.is_some() {
            Put::Kept
        } else {
            make_folder(folder)?;
            let written = self.incoming.write(fill)?;
            match written.publish(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && size(&path)?.is_some() => Put::Kept,
                published => published.map(|()| Put::Written)?,
            }
        };
        // Also where it was kept: the one who wrote it may not have come this far yet.
        sync_folder(folder)?;
        Ok(put)
    }
}

/// Copies all of `from`; where that cannot be read, `unread` says why.
fn copy(from: &mut dyn Read, to: &mut File, unread: &mut Option<io::Error>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&buffer[..n])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                *unread = Some(error);
                return Err(io::Error::other("its source cannot be read"));
            }
        }
    }
}

/// Makes a folder and those above it, each so that it survives a crash.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(above) = folder.parent() else { return Ok(()) };
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// `None` where there is no file of that name.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn size(path: &Path) -> io::Result<Option<u64>> {
    Ok(present(fs::metadata(path))?.filter(fs::Metadata::is_file).map(|found| found.len()))
}

/// A page of a listing.
struct Page<'a> {
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    keys: Vec<String>,
}

impl Page<'_> {
    /// Adds the keys below `folder`, all of which begin with `key`: empty, or ending in a slash.
    fn walk(&mut self, folder: &Path, key: &str) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in present(fs::read_dir(folder))?.into_iter().flatten() {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_folder = entry.file_type()?.is_dir();
            let below = format!("{key}{name}{}", if is_folder { "/" } else { "" });
            // What is no key was put here by somebody else.
            if keys::check(&name).is_ok() && self.wants(&below, is_folder) {
                entries.push((below, entry.path(), is_folder));
            }
        }
        // A folder's slash counts: `a.b` comes before `a/b`.
        entries.sort_unstable();
        for (key, path, is_folder) in entries {
            if self.keys.len() >= self.limit {
                break;
            }
            if is_folder {
                self.walk(&path, &key)?;
            } else {
                self.keys.push(key);
            }
        }
        Ok(())
    }

    /// Whether `key`, or something in the folder `key`, may be on this page.
    fn wants(&self, key: &str, is_folder: bool) -> bool {
        if is_folder {
            let on_the_way = key.starts_with(self.prefix) || self.prefix.starts_with(key);
            on_the_way && (self.after < key || self.after.starts_with(key))
        } else {
            key.starts_with(self.prefix) && self.after < key
        }
    }
}
