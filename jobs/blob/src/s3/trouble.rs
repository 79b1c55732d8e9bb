//! What S3's failures mean to people: what was tried, where, and what to do about it. Never a secret: of an answer
//! only its code and message are told.

use std::error::Error;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::S3;
use crate::BlobError;

const NO_CREDENTIALS: &str =
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
const WRONG_CREDENTIALS: &str = "the credentials are wrong or have expired; check AWS_ACCESS_KEY_ID, \
                                 AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile";
const NOT_ALLOWED: &str = "the credentials are wrong or may not do this; grant them s3:ListBucket, s3:GetObject, \
                           s3:PutObject and s3:DeleteObject there";
const NO_BUCKET: &str = "there is no such bucket; make it, or check its name and the endpoint";
const ELSEWHERE: &str = "the bucket is in another region; set AWS_REGION to it";
const CLOCK: &str = "this machine's clock is wrong; set it";
const BUSY: &str = "the service is overloaded or broken; see to it, or try again later";
const NOBODY: &str = "nobody answers there; check the endpoint and the network";
const SLOW: &str = "no answer came in time; check the network and the service";
const CUT_OFF: &str = "the connection was cut; check the network and the service";
const UNCLEAR: &str = "check the endpoint and the service";

impl S3 {
    /// A request that failed.
    pub(super) fn failed<E>(
        &self,
        action: &'static str,
        key: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> BlobError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        self.trouble(action, key, remedy(error), said(error))
    }

    /// Bytes that did not come whole.
    pub(super) fn cut_off(&self, key: &str, error: &(dyn Error + 'static)) -> BlobError {
        self.trouble("read", key, CUT_OFF, chain(error))
    }

    /// What should not happen.
    pub(super) fn unclear(
        &self,
        action: &'static str,
        key: &str,
        error: &(dyn Error + 'static),
    ) -> BlobError {
        self.trouble(action, key, UNCLEAR, chain(error))
    }

    /// Nobody to be.
    pub(super) fn no_credentials(&self, error: &(dyn Error + 'static)) -> BlobError {
        self.trouble("open", "", NO_CREDENTIALS, chain(error))
    }

    fn trouble(&self, action: &'static str, key: &str, remedy: &'static str, said: String) -> BlobError {
        let what = if key.is_empty() { "the bucket".to_owned() } else { key.to_owned() };
        BlobError::Storage { action, what, place: self.place(key), remedy, source: said.into() }
    }
}

/// An endpoint that is not to be repeated in messages.
pub(super) fn secret_in_endpoint() -> BlobError {
    BlobError::Storage {
        action: "open",
        what: "the bucket".to_owned(),
        place: "an endpoint that holds a user".to_owned(),
        remedy: "leave user and password out of its URL, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        source: "credentials do not belong in URLs".into(),
    }
}

/// What people can do about it. The codes are S3's
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>); answers without a body have a status only.
fn remedy<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &'static str {
    match error {
        SdkError::TimeoutError(_) => SLOW,
        SdkError::DispatchFailure(failure) if failure.is_io() => NOBODY,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => SLOW,
        SdkError::ResponseError(_) => CUT_OFF,
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken"
                | "TokenRefreshRequired",
            ) => WRONG_CREDENTIALS,
            Some("NoSuchBucket") => NO_BUCKET,
            Some(
                "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException",
            ) => ELSEWHERE,
            Some("RequestTimeTooSkewed") => CLOCK,
            _ => match answer.raw().status().as_u16() {
                301 | 307 => ELSEWHERE,
                401 | 403 => NOT_ALLOWED,
                429 | 500.. => BUSY,
                _ => UNCLEAR,
            },
        },
        _ => UNCLEAR,
    }
}

/// What the service said, or what kept it from saying anything.
fn said<E: Error + ProvideErrorMetadata + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    let SdkError::ServiceError(answer) = error else { return chain(error) };
    let status = answer.raw().status().as_u16();
    match (answer.err().code(), answer.err().message()) {
        (Some(code), Some(message)) => format!("{code} ({status}): {message}"),
        (Some(code), None) => format!("{code} ({status})"),
        _ => format!("it answered {status}"),
    }
}

/// An error and those behind it, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        let text = error.to_string();
        if !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
