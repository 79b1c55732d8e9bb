//! Objects of others in a bucket: recordings that somebody puts there. They are only read, and may be called anything.

use aws_config::BehaviorVersion;

use super::{LISTED_AT_ONCE, S3, S3Options};
use crate::BlobError;

/// An object of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// Its name below the prefix.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Another one when its bytes are others: the ETag.
    pub tag: String,
}

/// A bucket of others, or the part of one below a prefix.
#[derive(Clone, Debug)]
pub struct S3Shelf(S3);

impl S3Shelf {
    /// Finds credentials and looks at the bucket, so that whatever is wrong with either is said here and now.
    ///
    /// # Errors
    /// [`BlobError::Storage`] without credentials, with wrong ones or too few rights, without the bucket, or when nobody
    /// answers.
    pub async fn open(options: &S3Options) -> Result<Self, BlobError> {
        S3::reach(options, aws_config::defaults(BehaviorVersion::latest())).await.map(Self)
    }

    /// The objects that come after the one called `after`: a page of them, in an order that stays; none after the last.
    ///
    /// # Errors
    /// [`BlobError::Storage`].
    pub async fn list(&self, after: Option<&str>) -> Result<Vec<Shelved>, BlobError> {
        let Self(s3) = self;
        let page = s3
            .client
            .list_objects_v2()
            .bucket(&s3.bucket)
            .prefix(&s3.prefix)
            .set_start_after(after.map(|name| s3.full(name)))
            .max_keys(i32::try_from(LISTED_AT_ONCE).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| s3.failed("list", "", &error))?;
        let shelved = page.contents().iter().filter_map(|object| {
            Some(Shelved {
                name: object.key()?.strip_prefix(&s3.prefix)?.to_owned(),
                bytes: object.size().unwrap_or_default().unsigned_abs(),
                tag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            })
        });
        Ok(shelved.collect())
    }

    /// A URL to read it by, good for an hour.
    ///
    /// # Errors
    /// [`BlobError::Storage`].
    pub async fn source(&self, name: &str) -> Result<String, BlobError> {
        self.0.signed(name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_folder_of_a_bucket() {
        let service = S3Options { endpoint: Some("http://minio:9000".to_owned()), ..S3Options::default() };
        for (url, bucket, prefix) in
            [("s3://nvr", "nvr", ""), ("s3://nvr/", "nvr", ""), ("s3://nvr/a b/c/", "nvr", "a b/c/")]
        {
            let options = service.at(url).unwrap();
            assert_eq!((options.bucket.as_str(), options.prefix.as_str()), (bucket, prefix), "{url}");
            assert_eq!(options.endpoint, service.endpoint);
        }
        for bad in ["s3://", "s3:///x", "/srv/nvr", "http://nvr"] {
            assert!(service.at(bad).is_none(), "{bad}");
        }
    }
}
