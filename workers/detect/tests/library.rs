//! A process loads one ONNX Runtime only, so this one loads none that works.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

use camcount_detect::{DetectError, installation};

#[test]
fn what_is_no_library_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let unusable = installation(Some(file.path())).unwrap_err();
    assert!(matches!(unusable, DetectError::LibraryUnusable { .. }), "{unusable}");
    assert!(unusable.is_environment());
}
