//! Uploads: small objects in one request, large ones in parts.

use std::io::{self, Read};

use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::S3;
use crate::{BlobError, Blobs};

/// Bytes of a part, and what memory an upload takes. S3 wants 5 MiB at least and 10 000 parts at most, so that an
/// object may have 80 GiB.
pub(super) const PART: usize = 8 << 20;

/// What is uploaded.
type Source = Box<dyn Read + Send>;

impl S3 {
    /// Writes an object in one request.
    pub(super) async fn upload_whole(&self, key: &str, bytes: Bytes) -> Result<(), BlobError> {
        let request = self.client.put_object().bucket(&self.bucket).key(self.full(key));
        let request = request.body(ByteStream::from(bytes)).checksum_algorithm(ChecksumAlgorithm::Crc32);
        request.send().await.map(drop).map_err(|error| self.failed("write", key, &error))
    }

    /// Writes an object of any length. Until it is complete there is none; of an upload that fails nothing stays,
    /// and of one whose process dies only parts that a lifecycle rule of the bucket may remove.
    pub(super) async fn upload(&self, key: &str, source: Source) -> Result<(), BlobError> {
        let (first, source) = self.read_part(key, source).await?;
        if first.len() < PART {
            return self.upload_whole(key, first).await;
        }
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(self.full(key));
        let begun = request.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        let begun = begun.map_err(|error| self.failed("begin to write", key, &error))?;
        let upload = begun.upload_id().unwrap_or_default();
        let written = self.upload_parts(key, upload, first, source).await;
        if written.is_err() {
            let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(self.full(key));
            if let Err(error) = request.upload_id(upload).send().await {
                let error = self.failed("clean up after", key, &error);
                tracing::warn!(%error, "parts of an upload are left in the bucket");
            }
        }
        written
    }

    async fn upload_parts(
        &self,
        key: &str,
        upload: &str,
        first: Bytes,
        mut source: Source,
    ) -> Result<(), BlobError> {
        let (mut parts, mut size, mut bytes) = (Vec::new(), 0, first);
        for number in 1.. {
            let length = bytes.len();
            size += length as u64;
            let request =
                self.client.upload_part().bucket(&self.bucket).key(self.full(key)).upload_id(upload);
            let request = request.part_number(number).body(ByteStream::from(bytes));
            let part = request.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
            let part = part.map_err(|error| self.failed("write a part of", key, &error))?;
            let done = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag);
            parts.push(done.set_checksum_crc32(part.checksum_crc32).build());
            if length < PART {
                break;
            }
            (bytes, source) = self.read_part(key, source).await?;
            if bytes.is_empty() {
                break;
            }
        }
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(self.full(key));
        let Err(error) = request.upload_id(upload).multipart_upload(all).send().await else { return Ok(()) };
        let (gone, failed) = (error.code() == Some("NoSuchUpload"), self.failed("complete", key, &error));
        drop(error);
        // Its answer may have got lost: then it was completed, and tried again.
        if gone && self.size(key).await? == Some(size) { Ok(()) } else { Err(failed) }
    }

    /// The next part; shorter than others, or empty, at the end.
    async fn read_part(&self, key: &str, mut source: Source) -> Result<(Bytes, Source), BlobError> {
        let read = spawn_blocking(move || {
            let mut part = Vec::new();
            (&mut source).take(PART as u64).read_to_end(&mut part).map(|_| (Bytes::from(part), source))
        });
        let read = read.await.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        read.map_err(|source| BlobError::Unread { key: key.to_owned(), source })
    }
}
