//! Names of footage: what is a file and what a URL, how FFmpeg is told, and what may be printed.

use std::{path::Path, time::Duration};

use ffmpeg_sidecar::command::FfmpegCommand;

use crate::DecodeError;

/// Where footage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// A file here.
    File(&'a Path),
    /// A URL and its scheme.
    Url(&'a str),
}

impl<'a> Place<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        match source.split_once("://") {
            Some(("file", path)) => Self::File(Path::new(path)),
            Some((scheme, _)) if is_scheme(scheme) => Self::Url(scheme),
            _ => Self::File(Path::new(source)),
        }
    }

    /// Says so early and clearly when there is no such file, or nothing in it.
    pub(crate) fn check(self) -> Result<(), DecodeError> {
        let Self::File(path) = self else { return Ok(()) };
        let source_name = path.display().to_string();
        let not_found = |detail: String| DecodeError::NotFound { source_name: source_name.clone(), detail };
        let meta = std::fs::metadata(path).map_err(|error| not_found(error.to_string()))?;
        if meta.is_dir() {
            return Err(not_found("it is a folder".to_owned()));
        }
        if meta.is_file() && meta.len() == 0 {
            return Err(DecodeError::Empty { source_name });
        }
        std::fs::File::open(path).map_err(|error| not_found(error.to_string()))?;
        Ok(())
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Adds `-i source`, preceded by what its protocol needs so that a dead network ends in an error.
pub(crate) fn input(command: &mut FfmpegCommand, source: &str, stall: Duration) {
    let stall_us = stall.as_micros().to_string();
    match Place::of(source) {
        // Without the prefix, `2026-05-01T08:00.mp4` would be read as a URL of scheme `2026-05-01T08`.
        Place::File(path) => {
            let mut name = std::ffi::OsString::from("file:");
            name.push(path);
            command.arg("-i").arg(name);
        }
        Place::Url(scheme) => {
            match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => {
                    command.args(["-rw_timeout", &stall_us, "-reconnect", "1"]);
                    command.args(["-reconnect_streamed", "1", "-reconnect_on_network_error", "1"]);
                    command.args(["-reconnect_delay_max", "4"]);
                }
                "rtsp" | "rtsps" => {
                    command.args(["-rtsp_transport", "tcp", "-timeout", &stall_us]);
                }
                _ => {}
            }
            command.arg("-i").arg(source);
        }
    }
}

/// `text` with the user, password and query of every URL in it left out.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        out.push_str(before);
        let end = url.find(|c: char| c.is_whitespace() || "'\"<>".contains(c)).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        let path_at = url.find(['/', '?', '#']).unwrap_or(url.len());
        let (authority, path) = url.split_at(path_at);
        out.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        match path.find(['?', '#']) {
            Some(query) => {
                out.push_str(&path[..query]);
                // A colon that ends the token is punctuation of the message, not of the query.
                out.push_str(if path.ends_with(':') { "?…:" } else { "?…" });
            }
            None => out.push_str(path),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_urls_are_told_apart() {
        assert_eq!(Place::of("rtsp://cam/1"), Place::Url("rtsp"));
        assert_eq!(Place::of("file:///a b.mp4"), Place::File(Path::new("/a b.mp4")));
        for file in ["a.mp4", "/x/2026-05-01T08:00:00.mp4", "http:/x", "sp ace://x"] {
            assert_eq!(Place::of(file), Place::File(Path::new(file)), "{file}");
        }
    }

    #[test]
    fn nothing_secret_is_left() {
        let hidden = redact("x http://u:p%40@h:80/a/b.m3u8?token=s3: Invalid 'rtsp://me:pw@x@cam/1' end");
        assert_eq!(hidden, "x http://h:80/a/b.m3u8?…: Invalid 'rtsp://cam/1' end");
        assert_eq!(redact("http://h?k=v"), "http://h?…");
        assert_eq!(redact("no url, 3:4 @home"), "no url, 3:4 @home");
    }
}
