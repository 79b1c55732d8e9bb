//! What objects are called. Names follow from what they name, so whoever needs an object can find it.

use camcount_domain::{CameraId, DetectorVersion, MediaTime, Seq, content_hash};

use crate::BlobError;

/// The longest key in bytes that S3 takes.
const LONGEST_KEY: usize = 1024;

/// The longest name in bytes that file systems take.
const LONGEST_PART: usize = 255;

/// A detections artifact of a segment, by the SHA-256 of its bytes: two workers whose hardware differs may write
/// two of them, and the store says which one won. In the order of their keys, those of one camera and detector
/// are in the order of the footage.
#[must_use]
pub fn detections(camera: CameraId, seq: Seq, detector: &DetectorVersion, sha256: &str) -> String {
    let digest = sha256.get(..16).unwrap_or(sha256);
    format!("{}{:012}-{}.parquet", detections_of(camera, detector), seq.0, part(digest))
}

/// What the keys of all detections artifacts of a camera and detector begin with.
#[must_use]
pub fn detections_of(camera: CameraId, detector: &DetectorVersion) -> String {
    format!("detections/{camera}/{}/", part(&detector.0))
}

/// Recorded footage of a camera from `start` on, by the hash of its bytes: whoever stores it again stores the same. In
/// the order of their keys, those of one day are in the order of the footage.
#[must_use]
pub fn recording(camera: CameraId, start: MediaTime, hash: &str, ending: &str) -> String {
    const DAY_US: i64 = 24 * 3_600_000_000;
    let day = start.floor_to_us(DAY_US).to_string();
    let day = day.get(..10).unwrap_or("undated");
    let hash = hash.get(..16).unwrap_or(hash);
    format!("recordings/{camera}/{}/{:020}-{}.{}", part(day), start.0, part(hash), part(ending))
}

/// What the source of a recording begins with whose bytes are an object here; its key follows.
pub const SOURCE: &str = "blob:";

/// A model, by the SHA-256 of its bytes.
#[must_use]
pub fn model(sha256: &str) -> String {
    format!("models/{}.onnx", part(sha256))
}

/// Any text as one part of a key: letters, digits and `-_.@=` as they are, all else as `~` and two hex digits
/// a byte. Different texts give different parts; overlong ones end in a hash of the text.
#[must_use]
pub fn part(text: &str) -> String {
    /// Room for what the callers put around it.
    const LONGEST: usize = 200;
    let mut part = String::new();
    for (place, byte) in text.bytes().enumerate() {
        if plain(byte) && byte != b'~' && !(place == 0 && byte == b'.') {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("~{byte:02x}"));
        }
    }
    if part.len() > LONGEST {
        part.truncate(LONGEST - 17);
        part = format!("{part}~{}", content_hash(&[text.as_bytes()]));
    }
    if part.is_empty() { "~".to_owned() } else { part }
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.@=~".contains(&byte)
}

/// Checks that `key` is a relative path that means the same everywhere: parts of letters, digits and
/// `-_.@=~`, joined by `/`, none of them hidden.
///
/// # Errors
/// [`BlobError::BadKey`].
pub fn check(key: &str) -> Result<(), BlobError> {
    match flaw(key) {
        None => Ok(()),
        Some(reason) => Err(BlobError::BadKey { key: key.to_owned(), reason }),
    }
}

fn flaw(key: &str) -> Option<&'static str> {
    if key.len() > LONGEST_KEY {
        return Some("it is longer than 1024 bytes");
    }
    key.split('/').find_map(|part| match part {
        "" => Some("it has an empty part"),
        _ if part.starts_with('.') => Some("a part of it begins with a dot"),
        _ if part.len() > LONGEST_PART => Some("a part of it is longer than 255 bytes"),
        _ if !part.bytes().all(plain) => Some("it holds other than letters, digits and -_.@=~"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn camera() -> CameraId {
        CameraId::of_footage("gate")
    }

    #[test]
    fn names_follow_from_what_they_name() {
        let detector = DetectorVersion("yolox_s@0123456789abcdef".to_owned());
        assert_eq!(
            detections(camera(), Seq(42), &detector, "00ff"),
            format!("detections/{}/yolox_s@0123456789abcdef/000000000042-00ff.parquet", camera())
        );
        assert_eq!(model("00ff"), "models/00ff.onnx");
        let start = "2026-05-01T08:00:00.25Z".parse().unwrap();
        let key = recording(camera(), start, "0123456789abcdef0123", "mkv");
        let day = format!("recordings/{}/2026-05-01/", camera());
        assert_eq!(key, format!("{day}00001777622400250000-0123456789abcdef.mkv"));
        check(&recording(camera(), MediaTime(-1), "x", "m/../p")).unwrap();
        check(&recording(camera(), MediaTime::MAX, "", "")).unwrap();
    }

    #[test]
    fn whatever_a_model_is_called_its_keys_are_good_and_its_own() {
        let long = "x".repeat(255);
        let names = ["..", "a/b", "a b", "a~20b", "käfer", ".hidden", "", "~", &long, &format!("{long}y")];
        let keys: BTreeSet<_> = names
            .iter()
            .map(|name| detections(camera(), Seq(0), &DetectorVersion((*name).to_owned()), "00"))
            .inspect(|key| check(key).unwrap())
            .collect();
        assert_eq!(keys.len(), names.len());
        check(&model("../../x")).unwrap();
    }

    #[test]
    fn keys_that_lead_elsewhere_are_refused() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "a/",
            "../a",
            "a/../b",
            "a/.",
            ".incoming/a",
            "a\\b",
            "a:b",
            "ä",
            "a\0",
        ] {
            assert!(matches!(check(bad), Err(BlobError::BadKey { .. })), "{bad:?}");
        }
        assert!(check(&"a/".repeat(600)).is_err() && check(&"a".repeat(256)).is_err());
        check("a/b.c/d@e=f~20-_").unwrap();
    }
}
