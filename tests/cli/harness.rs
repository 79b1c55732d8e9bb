//! Running the program and reading what it says.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

/// The lines and the zone of the demo's street.
pub(crate) const STREET: [&str; 6] = [
    "--line",
    "door: 0.37,0.90 -> 0.37,0.56",
    "--line",
    "road: 0.68,0.50 -> 0.68,0.29",
    "--zone",
    "plaza: 0.50,0.60 0.90,0.60 0.95,0.93 0.46,0.93",
];

/// A program with a data folder of its own.
pub(crate) struct Camcount {
    dir: TempDir,
}

impl Camcount {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    /// A file in a folder of this run's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command, not yet run. Nothing in the user's environment reaches it but the way to libraries.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camcount"));
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CAMCOUNT_")
                || ["DATABASE_URL", "NATS_URL", "REDIS_URL"].contains(&&*name_text)
            {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.path("data"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Runs, and expects success; returns what it printed.
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs, and expects failure with exit code `code`; returns what it complained of.
    pub(crate) fn fails<S: AsRef<OsStr>>(&self, code: i32, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        stderr(&output)
    }

    /// Runs `count` with `--format json`; returns the document.
    pub(crate) fn count<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let fixed = ["--format", "json"].map(Into::into);
        serde_json::from_str(&self.ok(["count".into()].into_iter().chain(args).chain(fixed))).unwrap()
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A document without the one part that depends on how footage was cut, as text.
pub(crate) fn comparable(mut document: Value) -> String {
    document.as_object_mut().unwrap().remove("segments");
    serde_json::to_string_pretty(&document).unwrap()
}

/// In and out of the line called `name`.
pub(crate) fn in_out(document: &Value, name: &str) -> (i64, i64) {
    let lines = document["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["name"] == name).unwrap();
    (line["in"].as_i64().unwrap(), line["out"].as_i64().unwrap())
}

/// The demo, run once for all tests: the drawn street and what was printed.
pub(crate) fn demo() -> &'static (PathBuf, String) {
    static DEMO: OnceLock<(PathBuf, String)> = OnceLock::new();
    DEMO.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("street");
        // What an earlier run has left.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let video = folder.join("street.mp4");
        let said = Camcount::new().ok(["demo", "--video", video.to_str().unwrap()]);
        (video, said)
    })
}

/// The demo's street as an argument.
pub(crate) fn street() -> &'static str {
    demo().0.to_str().unwrap()
}

/// Runs FFmpeg.
pub(crate) fn ffmpeg<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).status().unwrap();
    assert!(status.success());
}

/// A file of the test data; `None`, with a word on stderr, where they are not.
pub(crate) fn test_data(path: &str) -> Option<String> {
    let root = std::env::var_os("CAMCOUNT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file.to_str().unwrap().to_owned());
    }
    eprintln!("SKIPPED: {} is not there; set CAMCOUNT_TEST_DATA", file.display());
    None
}
