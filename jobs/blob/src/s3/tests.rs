//! A bucket of a real server: the suite that every place passes, and what can go wrong on the way there.

mod proxy;
mod weed;

use std::{
    io::{Cursor, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_s3::config::Credentials;
use bytes::Bytes;

use super::{S3, S3Options, upload::PART};
use crate::{
    BlobError, Blobs, Put, blob_conformance,
    conformance::{Harness, Torn},
};
use proxy::Proxy;
use weed::{ACCESS_KEY, BUCKET, SECRET_KEY, Weed};

struct Bucket;

#[async_trait]
impl Harness for Bucket {
    type Guard = Arc<Weed>;

    async fn blobs(&self) -> Option<(Arc<dyn Blobs>, Arc<Weed>)> {
        let weed = Weed::shared()?;
        Some((Arc::new(open(&options(&weed)).await), weed))
    }
}

blob_conformance! { Bucket, #[tokio::test] }

async fn open(options: &S3Options) -> S3 {
    S3::connect(options, credentials(ACCESS_KEY, SECRET_KEY)).await.unwrap()
}

/// What opening complains of, with all that is behind it.
async fn refused(options: &S3Options, access_key: &str, secret_key: &str) -> String {
    let error = S3::connect(options, credentials(access_key, secret_key)).await.unwrap_err();
    assert!(matches!(error, BlobError::Storage { .. }), "{error:?}");
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(!text.contains(SECRET_KEY) && !text.contains("another-secret"), "{text}");
    text
}

/// Bytes in which no part equals another.
fn large(length: usize) -> Bytes {
    (0..length as u32).map(|n| (n ^ (n >> 9) ^ (n >> 18)) as u8).collect()
}

#[tokio::test]
async fn large_objects_go_in_parts_and_leave_none() {
    let Some(weed) = Weed::shared() else { return };
    let s3 = open(&options(&weed)).await;
    let bytes = large(2 * PART + 1000);
    for (key, bytes, parts) in [
        ("odd", bytes.clone(), "-3"),
        ("even", bytes.slice(..2 * PART), "-2"),
        ("one", bytes.slice(..PART), "-1"),
    ] {
        assert_eq!(s3.put(key, bytes.clone()).await.unwrap(), Put::Written);
        assert!(s3.get(key).await.unwrap() == bytes);
        let head = s3.client.head_object().bucket(&s3.bucket).key(s3.full(key)).send().await.unwrap();
        assert!(head.e_tag().unwrap().trim_matches('"').ends_with(parts), "{key}: {head:?}");
    }
    let torn = Box::new(Cursor::new(bytes).chain(Torn));
    assert!(matches!(s3.put_stream("torn", torn).await, Err(BlobError::Unread { .. })));
    assert_eq!(s3.size("torn").await.unwrap(), None);
    let left = s3.client.list_multipart_uploads().bucket(&s3.bucket).send().await.unwrap();
    assert!(!left.uploads().iter().any(|upload| upload.key() == Some(&s3.full("torn"))), "{left:?}");
}

#[tokio::test]
async fn cut_connections_are_made_good() {
    let Some(weed) = Weed::shared() else { return };
    let proxy = Proxy::before(weed.port);
    let options = S3Options { endpoint: Some(proxy.endpoint()), ..options(&weed) };
    let s3 = open(&options).await;
    let bytes = large(PART + 1000);
    // The third part of a megabyte into the request, and then into the answer.
    proxy.cut_next(300_000, 0);
    assert_eq!(s3.put("a", bytes.clone()).await.unwrap(), Put::Written);
    proxy.cut_next(0, 300_000);
    assert!(s3.get("a").await.unwrap() == bytes);
    assert_eq!(proxy.cuts(), 2);

    proxy.cut_all();
    let error = s3.get("a").await.unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains("could not read a at s3://footage/") && text.contains("check"), "{text}");
    assert!(text.contains(&proxy.endpoint()) && !text.contains(SECRET_KEY), "{text}");
}

#[tokio::test]
async fn what_is_wrong_is_said_when_the_bucket_is_opened() {
    let Some(weed) = Weed::shared() else { return };
    let options = options(&weed);
    let text = refused(&options, "nobody", SECRET_KEY).await;
    assert!(text.contains("credentials are wrong") && text.contains("AWS_ACCESS_KEY_ID"), "{text}");
    assert!(text.contains("s3://footage/") && text.contains(options.endpoint.as_deref().unwrap()), "{text}");
    let text = refused(&options, ACCESS_KEY, "another-secret").await;
    assert!(text.contains("credentials are wrong"), "{text}");
    let text =
        refused(&S3Options { bucket: "nowhere".to_owned(), ..options.clone() }, ACCESS_KEY, SECRET_KEY).await;
    assert!(text.contains("s3://nowhere/") && text.contains("no such bucket"), "{text}");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = S3Options { endpoint: Some(format!("http://{free}")), ..options.clone() };
    let text = refused(&nobody, ACCESS_KEY, SECRET_KEY).await;
    assert!(text.contains("nobody answers there") && text.contains(&free.to_string()), "{text}");

    let secret = format!("http://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:1");
    let text =
        refused(&S3Options { endpoint: Some(secret), ..options.clone() }, ACCESS_KEY, SECRET_KEY).await;
    assert!(text.contains("leave user and password out"), "{text}");
    let prefix = S3Options { prefix: "no-slash".to_owned(), ..options };
    let error = S3::connect(&prefix, credentials(ACCESS_KEY, SECRET_KEY)).await.unwrap_err();
    assert!(matches!(error, BlobError::BadKey { .. }), "{error}");
}

#[tokio::test]
async fn a_source_needs_no_credentials() {
    let Some(weed) = Weed::shared() else { return };
    let s3 = open(&options(&weed)).await;
    s3.put("a/b@c", Bytes::from_static(b"some footage")).await.unwrap();
    let url = s3.source("a/b@c").await.unwrap();
    assert!(!url.contains(SECRET_KEY));
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    write!(connection, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("some footage"), "{answer}");
}

const PORT: &str = "CAMCOUNT_TEST_S3_PORT";

/// The other half of the test below, run as a process of its own.
#[tokio::test]
#[ignore = "is told where a server is"]
async fn put_with_credentials_of_the_environment() {
    let Ok(port) = std::env::var(PORT) else { return };
    let options = S3Options {
        bucket: BUCKET.to_owned(),
        prefix: "environment/".to_owned(),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        path_style: true,
        region: None,
    };
    match S3::open(&options).await {
        Ok(s3) => assert_eq!(s3.put("a", Bytes::from_static(b"x")).await.unwrap(), Put::Written),
        Err(error) => panic!("{:#}", anyhow::Error::from(error)),
    }
}

#[tokio::test]
async fn credentials_come_from_where_all_aws_tools_look() {
    let Some(weed) = Weed::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("credentials");
    let written =
        format!("[camera]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    std::fs::write(&profile, written).unwrap();
    let run = |environment: &[(&str, &str)]| {
        let mut process = Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            process.env_remove(name);
        }
        process
            .args([
                "--exact",
                "s3::tests::put_with_credentials_of_the_environment",
                "--ignored",
                "--nocapture",
            ])
            .env(PORT, weed.port.to_string())
            .env("HOME", folder.path())
            .env("AWS_SHARED_CREDENTIALS_FILE", &profile)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    };
    let none = run(&[]);
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(!none.status.success() && said.contains("no credentials were found"), "{said}");
    let both = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    let variables = run(&both);
    assert!(variables.status.success(), "{}", String::from_utf8_lossy(&variables.stderr));
    let s3 = open(&S3Options { prefix: "environment/".to_owned(), ..options(&weed) }).await;
    assert_eq!(s3.list("", None, 9).await.unwrap(), ["a"]);
    s3.delete("a").await.unwrap();
    let profile = run(&[("AWS_PROFILE", "camera")]);
    assert!(profile.status.success(), "{}", String::from_utf8_lossy(&profile.stderr));
}

/// An empty place in the bucket.
fn options(weed: &Weed) -> S3Options {
    S3Options {
        bucket: BUCKET.to_owned(),
        prefix: weed.place(),
        endpoint: Some(weed.endpoint()),
        path_style: true,
        region: Some("us-east-1".to_owned()),
    }
}

/// Settings with these credentials, whatever the environment holds.
fn credentials(access_key: &str, secret_key: &str) -> ConfigLoader {
    let credentials = Credentials::new(access_key, secret_key, None, None, "the test");
    aws_config::defaults(BehaviorVersion::latest()).credentials_provider(credentials)
}
