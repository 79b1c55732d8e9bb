//! Objects in a bucket of S3, or of what speaks its language: MinIO, SeaweedFS, Garage, Ceph.
//!
//! S3 has no "create if missing" that all of these heed, so a put looks first. Of puts of one key that race, each
//! may write, and the last one stays: whole, but not the first. Keys follow from what they name, and a row in the
//! store says which object counts, so such a race changes nothing that anybody reads.

mod shelf;
#[cfg(test)]
mod tests;
mod trouble;
mod upload;

use std::{
    io::{Cursor, Read},
    time::Duration,
};

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, environment::EnvironmentVariableRegionProvider,
    meta::region::RegionProviderChain, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{
    Client,
    config::{Builder, ProvideCredentials},
    operation::{get_object::GetObjectError, head_object::HeadObjectError},
    presigning::PresigningConfig,
    types::Object,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;

use crate::{BlobError, Blobs, Put, keys};
use upload::PART;

pub use shelf::{S3Shelf, Shelved};

/// How often a request is tried: with waits that double from a quarter of a second, for two seconds or so. Whoever
/// has to wait longer for an object puts its job off.
const ATTEMPTS: u32 = 4;

/// How long a URL from [`Blobs::source`] is good for: longer than anybody reads one segment.
const URL_GOOD_FOR: Duration = Duration::from_secs(3600);

/// Keys that S3 lists in one answer, at most.
const LISTED_AT_ONCE: usize = 1000;

/// Where a bucket is. Credentials are not among it: they come from where all AWS tools look for them, which is
/// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE` and `~/.aws`, a web identity token, or the role
/// of the container or machine.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// The bucket's name. It must be there.
    pub bucket: String,
    /// What all keys begin with, like `camcount/`; empty for a bucket of our own.
    pub prefix: String,
    /// The service's URL, like `https://minio.example:9000`; by default that of AWS in the region.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of URLs instead of their host: what most services other than AWS want.
    pub path_style: bool,
    /// By default `AWS_REGION` or the profile's, and otherwise `us-east-1`, which other services take for any.
    pub region: Option<String>,
}

impl S3Options {
    /// The same service, and there the folder of a bucket that `s3://BUCKET/PREFIX` names, with or without a slash at its
    /// end; `None` when that names none.
    #[must_use]
    pub fn at(&self, url: &str) -> Option<Self> {
        let place = url.strip_prefix("s3://")?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        (!bucket.is_empty()).then(|| Self { bucket: bucket.to_owned(), prefix, ..self.clone() })
    }
}

/// A bucket, or the part of one below a prefix. Any number of processes may share it.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    bucket: String,
    prefix: String,
    /// The service, for people.
    service: String,
}

impl S3 {
    /// Finds credentials and looks at the bucket, so that whatever is wrong with either is said here and now.
    ///
    /// # Errors
    /// [`BlobError::Storage`] without credentials, with wrong ones, without the bucket, or when nobody answers;
    /// [`BlobError::BadKey`] for a prefix that cannot begin keys.
    pub async fn open(options: &S3Options) -> Result<Self, BlobError> {
        Self::connect(options, aws_config::defaults(BehaviorVersion::latest())).await
    }

    /// As [`open`](Self::open), but does not look at the bucket, which may be away: for whoever can wait for it.
    ///
    /// # Errors
    /// [`BlobError::Storage`] without credentials; [`BlobError::BadKey`] for a prefix that cannot begin keys.
    pub async fn open_unseen(options: &S3Options) -> Result<Self, BlobError> {
        check_prefix(&options.prefix)?;
        Self::client(options, aws_config::defaults(BehaviorVersion::latest())).await
    }

    async fn connect(options: &S3Options, settings: ConfigLoader) -> Result<Self, BlobError> {
        check_prefix(&options.prefix)?;
        Self::reach(options, settings).await
    }

    /// As [`connect`](Self::connect), below a prefix that may be anything.
    async fn reach(options: &S3Options, settings: ConfigLoader) -> Result<Self, BlobError> {
        let s3 = Self::client(options, settings).await?;
        s3.list("", None, 1).await?;
        Ok(s3)
    }

    /// With credentials, and without a look at the bucket.
    async fn client(options: &S3Options, settings: ConfigLoader) -> Result<Self, BlobError> {
        let S3Options { bucket, prefix, endpoint, path_style, region } = options.clone();
        let service = endpoint.clone().unwrap_or_else(|| "AWS".to_owned());
        if service.contains('@') {
            return Err(trouble::secret_in_endpoint());
        }
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let mut regions = RegionProviderChain::first_try(region.map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new());
        if endpoint.is_none() {
            // Asks the machine that it runs on as well, which takes seconds where that is none of AWS's.
            regions = regions.or_default_provider();
        }
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(250));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            // Enough for a part of an upload at 150 kB/s; bodies that stall are ended by the SDK sooner.
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        let settings = settings
            .http_client(http.build_https())
            .region(regions.or_else("us-east-1"))
            .retry_config(retries)
            .timeout_config(timeouts)
            .load()
            .await;
        let mut config = Builder::from(&settings).force_path_style(path_style);
        config.set_endpoint_url(endpoint);
        let s3 = Self { client: Client::from_conf(config.build()), bucket, prefix, service };
        if let Some(credentials) = settings.credentials_provider() {
            credentials.provide_credentials().await.map_err(|error| s3.no_credentials(&error))?;
        }
        Ok(s3)
    }

    /// The object's name in the bucket.
    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Where the object is, for people.
    fn place(&self, key: &str) -> String {
        format!("s3://{}/{} ({})", self.bucket, self.full(key), self.service)
    }

    fn missing(&self, key: &str) -> BlobError {
        BlobError::Missing { key: key.to_owned(), place: self.place(key) }
    }
}

/// Whether keys may begin so.
fn check_prefix(prefix: &str) -> Result<(), BlobError> {
    if prefix.is_empty() {
        return Ok(());
    }
    let Some(folder) = prefix.strip_suffix('/') else {
        let (key, reason) = (prefix.to_owned(), "a prefix of keys ends with a slash");
        return Err(BlobError::BadKey { key, reason });
    };
    keys::check(folder)
}

#[async_trait]
impl Blobs for S3 {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<Put, BlobError> {
        if bytes.len() >= PART {
            return self.put_stream(key, Box::new(Cursor::new(bytes))).await;
        }
        if self.size(key).await?.is_some() {
            return Ok(Put::Kept);
        }
        self.upload_whole(key, bytes).await?;
        Ok(Put::Written)
    }

    async fn put_stream(&self, key: &str, bytes: Box<dyn Read + Send>) -> Result<Put, BlobError> {
        if self.size(key).await?.is_some() {
            return Ok(Put::Kept);
        }
        self.upload(key, bytes).await?;
        Ok(Put::Written)
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        keys::check(key)?;
        let mut attempt = 1;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(self.full(key));
            let object = match request.send().await {
                Ok(object) => object,
                Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                    return Err(self.missing(key));
                }
                Err(error) => return Err(self.failed("read", key, &error)),
            };
            // The SDK tries requests again, but not bodies.
            match object.body.collect().await {
                Ok(body) => return Ok(body.into_bytes()),
                Err(error) if attempt < ATTEMPTS => {
                    tracing::debug!(key, %error, "cut off while reading; reading again");
                    attempt += 1;
                }
                Err(error) => return Err(self.cut_off(key, &error)),
            }
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        keys::check(key)?;
        match self.client.head_object().bucket(&self.bucket).key(self.full(key)).send().await {
            Ok(object) => Ok(Some(object.content_length().unwrap_or_default().unsigned_abs())),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(self.failed("look at", key, &error)),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        keys::check(key)?;
        let request = self.client.delete_object().bucket(&self.bucket).key(self.full(key));
        request.send().await.map(drop).map_err(|error| self.failed("delete", key, &error))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError> {
        let mut keys = Vec::new();
        let mut after = after.map(|key| self.full(key));
        while keys.len() < limit {
            let at_once = (limit - keys.len()).min(LISTED_AT_ONCE);
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(self.full(prefix))
                .set_start_after(after)
                .max_keys(i32::try_from(at_once).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| self.failed("list", prefix, &error))?;
            let names: Vec<&str> = page.contents().iter().filter_map(Object::key).collect();
            let ours = names.iter().filter_map(|name| name.strip_prefix(&self.prefix));
            // What is no key was put here by somebody else.
            keys.extend(ours.filter(|key| keys::check(key).is_ok()).map(str::to_owned));
            after = names.last().map(|name| (*name).to_owned());
            if after.is_none() || page.is_truncated() != Some(true) {
                break;
            }
        }
        Ok(keys)
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        if self.size(key).await?.is_none() {
            return Err(self.missing(key));
        }
        self.signed(key).await
    }
}

impl S3 {
    /// A URL of the object that is good for a while, whether it is there or not.
    async fn signed(&self, key: &str) -> Result<String, BlobError> {
        let good_for = PresigningConfig::expires_in(URL_GOOD_FOR)
            .map_err(|error| self.unclear("sign a URL of", key, &error))?;
        let request = self.client.get_object().bucket(&self.bucket).key(self.full(key));
        let signed =
            request.presigned(good_for).await.map_err(|error| self.failed("sign a URL of", key, &error))?;
        Ok(signed.uri().to_owned())
    }
}
