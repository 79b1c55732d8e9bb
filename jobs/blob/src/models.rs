//! The bytes of registered models: named by their checksum, which is checked on the way in and on the way out.

use std::io::{self, Read};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{BlobError, Blobs, Put, detections::checksum, hex, keys};

/// Stores the model whose SHA-256 is `sha256`, in hex, from `file`; in place of its copy, where that is damaged.
///
/// # Errors
/// [`BlobError::Unread`] when `file` cannot be read or is another model, and whatever the place says.
pub async fn keep(
    blobs: &dyn Blobs,
    sha256: &str,
    file: impl Read + Send + 'static,
) -> Result<Put, BlobError> {
    let key = keys::model(sha256);
    if blobs.size(&key).await?.is_some()
        && matches!(load(blobs, sha256).await, Err(BlobError::Damaged { .. }))
    {
        blobs.delete(&key).await?;
    }
    let file = Checked { file, seen: Sha256::new(), wanted: sha256.to_owned() };
    blobs.put_stream(&key, Box::new(file)).await
}

/// The bytes of the model whose SHA-256 is `sha256`.
///
/// # Errors
/// [`BlobError::Missing`], [`BlobError::Damaged`], and whatever the place says.
pub async fn load(blobs: &dyn Blobs, sha256: &str) -> Result<Bytes, BlobError> {
    let key = keys::model(sha256);
    let bytes = blobs.get(&key).await?;
    if checksum(&bytes) == sha256 { Ok(bytes) } else { Err(BlobError::Damaged { key }) }
}

/// A file that fails at its end when it is not the one that was wanted.
struct Checked<R> {
    file: R,
    seen: Sha256,
    wanted: String,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.seen.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && hex(&self.seen.clone().finalize()) != self.wanted {
            let why = "it changed while it was being read; try again when it is whole";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    const MODEL: &[u8] = b"a model";

    #[tokio::test]
    async fn a_model_comes_back_and_another_one_is_not_taken_for_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let sha256 = checksum(MODEL);
        let other = keep(&folder, &sha256, &b"another model"[..]).await.unwrap_err();
        assert!(matches!(other, BlobError::Unread { .. }), "{other}");
        assert!(matches!(load(&folder, &sha256).await, Err(BlobError::Missing { .. })));
        assert_eq!(keep(&folder, &sha256, MODEL).await.unwrap(), Put::Written);
        assert_eq!(keep(&folder, &sha256, MODEL).await.unwrap(), Put::Kept);
        assert_eq!(load(&folder, &sha256).await.unwrap(), MODEL);
        assert_eq!(folder.list("", None, 9).await.unwrap(), [keys::model(&sha256)]);
    }

    #[tokio::test]
    async fn a_damaged_model_is_told_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let sha256 = checksum(MODEL);
        keep(&folder, &sha256, MODEL).await.unwrap();
        std::fs::write(root.path().join(keys::model(&sha256)), "a modem").unwrap();
        assert!(matches!(load(&folder, &sha256).await, Err(BlobError::Damaged { .. })));
        assert_eq!(keep(&folder, &sha256, MODEL).await.unwrap(), Put::Written);
        assert_eq!(load(&folder, &sha256).await.unwrap(), MODEL);
    }
}
