//! The rules of this repository that a compiler does not know: which crate may depend on which, who alone may
//! use a third-party crate, and what every source file looks like.
//!
//! Each rule is a function from what was found to a list of complaints, so that it can be shown to complain.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;

/// The levels, bottom first: a crate may depend on those below it, and on nobody beside or above it. A new crate
/// is entered here and in ARCHITECTURE.md.
const LEVELS: [&[&str]; 4] = [
    &["jobs/domain"],
    &[
        "jobs/queue",
        "jobs/store",
        "jobs/blob",
        "workers/decode",
        "workers/detect",
        "workers/track",
        "workers/count",
    ],
    &["jobs/aggregate", "jobs/rollover", "jobs/archive", "jobs/alert", "workers/runtime", "scheduler", "api"],
    &[""],
];

/// Third-party crates that one crate alone may depend on, by the beginning of their names.
const FENCED: [(&str, &str); 6] = [
    ("sqlx", "jobs/store"),
    ("ffmpeg-", "workers/decode"),
    ("ort", "workers/detect"),
    ("aws-", "jobs/blob"),
    ("async-nats", "jobs/queue"),
    ("redis", "jobs/queue"),
];

/// Crates that compute and do nothing else: no clock, no I/O, no environment, no randomness.
const PURE: [&str; 3] = ["jobs/domain", "workers/track", "workers/count"];

/// What pure code has no use for, as it would be written.
const IMPURE: [&str; 10] = [
    "fs::",
    "net::",
    "env::",
    "process::",
    "thread::",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "rand::",
    "tokio::",
];

/// Lines that a Rust file may have at most.
const FILE_LINES: usize = 500;

/// A crate of the workspace.
#[derive(Clone)]
struct Member {
    /// Relative to the root, which is the empty one.
    folder: String,
    name: String,
    /// Folders of the members that it depends on, for whatever purpose.
    members: Vec<String>,
    /// Names of everything else that it depends on.
    others: Vec<String>,
    manifest: String,
}

/// A Rust file.
struct Source {
    /// Relative to the root.
    path: String,
    text: String,
}

fn level(folder: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&folder))
}

/// Arrows that do not point down, and crates without a level.
fn arrows(members: &[Member]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Member { folder, name, members: others, .. } in members {
        let Some(own) = level(folder) else {
            complaints.push(format!("{name}: {folder} has no level; enter it in tests/layers.rs"));
            continue;
        };
        for other in others.iter().filter(|other| *other != folder) {
            if level(other).is_some_and(|other| other >= own) {
                complaints.push(format!("{name}: depends on {other}, which is not below it"));
            }
        }
    }
    complaints
}

/// Uses of fenced crates outside their fences.
fn fences(members: &[Member]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in members {
        for (prefix, home) in FENCED.iter().filter(|(_, home)| *home != member.folder) {
            let fenced =
                |other: &&String| *other == prefix || prefix.ends_with('-') && other.starts_with(prefix);
            for other in member.others.iter().filter(fenced) {
                complaints.push(format!("{}: depends on {other}, which is for {home} alone", member.name));
            }
        }
    }
    complaints
}

/// Crates named after nothing, and crates that the workspace's lints do not reach.
fn manifests(members: &[Member]) -> Vec<String> {
    const NAMES_FOR_NOTHING: [&str; 6] = ["common", "utils", "util", "helpers", "misc", "shared"];
    let mut complaints = Vec::new();
    for Member { name, folder, manifest, .. } in members {
        let last = folder.rsplit('/').next().unwrap_or_default();
        if NAMES_FOR_NOTHING.iter().any(|word| last == *word || name.split('-').any(|part| part == *word)) {
            complaints.push(format!("{name}: is named after nothing that it does"));
        }
        let manifest: toml::Table = manifest.parse().unwrap_or_default();
        let linted = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if linted.and_then(toml::Value::as_bool) != Some(true) {
            complaints.push(format!("{name}: its manifest lacks [lints] workspace = true"));
        }
    }
    complaints
}

/// Modules that do not say what they own, and files that have grown too long to be read.
fn files(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in sources {
        let only_tests = path.ends_with("/tests.rs") || format!("/{path}").contains("/tests/");
        if !only_tests && !text.starts_with("//!") {
            complaints.push(format!("{path}: does not begin with //! and what it owns"));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES {
            complaints.push(format!("{path}: has {lines} lines; split it below {FILE_LINES}"));
        }
    }
    complaints
}

/// Clocks, I/O, environment and randomness in the pure crates; what their tests do is their own business.
fn purity(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let pure = |path: &str| PURE.iter().any(|home| path.starts_with(&format!("{home}/src/")));
    for Source { path, text } in sources.iter().filter(|source| pure(&source.path)) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, code) in (1..).zip(code.lines()).filter(|(_, code)| !code.trim_start().starts_with("//")) {
            for word in IMPURE.iter().filter(|word| code.contains(**word)) {
                complaints.push(format!("{path}:{line}: {word} has no place in a pure crate"));
            }
        }
    }
    complaints
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn members() -> Vec<Member> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap();
    let folder = |path: &Path| {
        let inside = path.strip_prefix(&metadata.workspace_root).ok()?;
        Some(inside.to_str()?.replace('\\', "/"))
    };
    let member = |package: &cargo_metadata::Package| {
        let paths = package.dependencies.iter().filter_map(|dependency| dependency.path.as_ref());
        let others = package.dependencies.iter().filter(|dependency| dependency.path.is_none());
        Member {
            folder: folder(package.manifest_path.as_std_path().parent().unwrap()).unwrap(),
            name: package.name.to_string(),
            members: paths.filter_map(|path| folder(path.as_std_path())).collect(),
            others: others.map(|dependency| dependency.name.clone()).collect(),
            manifest: fs::read_to_string(&package.manifest_path).unwrap(),
        }
    };
    metadata.workspace_packages().into_iter().map(member).collect()
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let inside = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                sources.push(Source { path: inside, text });
            }
        }
    }
    sources
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn this_repository_follows_its_rules() {
    let (members, sources) = (members(), sources());
    assert!(members.len() > 8 && sources.len() > 20, "the whole workspace was looked at");
    none(
        [arrows(&members), fences(&members), manifests(&members), files(&sources), purity(&sources)].concat(),
    );
}

fn made_up(folder: &str, members: &[&str], others: &[&str]) -> Member {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Member {
        folder: folder.to_owned(),
        name: format!("camcount-{}", folder.rsplit('/').next().unwrap_or_default()),
        members: owned(members),
        others: owned(others),
        manifest: "[lints]\nworkspace = true".to_owned(),
    }
}

#[test]
fn arrows_point_down_only() {
    let complaints = |folder, members: &[&str]| arrows(&[made_up(folder, members, &[])]).join("\n");
    assert_eq!(complaints("workers/runtime", &["jobs/store", "jobs/domain"]), "");
    assert_eq!(complaints("jobs/store", &["jobs/store"]), "", "itself, for its tests");
    assert!(complaints("jobs/domain", &["jobs/store"]).contains("depends on jobs/store"), "up");
    assert!(complaints("scheduler", &["workers/runtime"]).contains("depends on workers/runtime"), "sideways");
    assert!(complaints("jobs/new", &[]).contains("jobs/new has no level"));
}

#[test]
fn fenced_crates_stay_inside() {
    let complaints = |folder, other| fences(&[made_up(folder, &[], &[other])]).join("\n");
    assert_eq!(complaints("jobs/store", "sqlx"), "");
    assert!(complaints("scheduler", "sqlx").contains("sqlx, which is for jobs/store alone"));
    assert!(complaints("api", "aws-sdk-s3").contains("for jobs/blob alone"));
    assert_eq!(complaints("api", "ortho"), "", "another crate whose name begins alike");
}

#[test]
fn manifests_are_named_and_linted() {
    assert_eq!(manifests(&[made_up("jobs/store", &[], &[])]), [""; 0]);
    assert!(manifests(&[made_up("jobs/common", &[], &[])])[0].contains("named after nothing"));
    for manifest in ["", "[lints]\nworkspace = false", "# [lints]\n# workspace = true"] {
        let member = Member { manifest: manifest.to_owned(), ..made_up("jobs/store", &[], &[]) };
        assert!(manifests(&[member])[0].contains("lacks [lints]"), "{manifest}");
    }
}

#[test]
fn files_say_what_they_own_and_stay_short() {
    let complaints = |path: &str, text: &str| files(&[Source { path: path.into(), text: text.into() }]);
    assert_eq!(complaints("src/a.rs", "//! Owns a.\n"), [""; 0]);
    assert_eq!(complaints("jobs/store/tests/a.rs", "use a;\n"), [""; 0]);
    assert!(complaints("src/a.rs", "use a;\n")[0].contains("does not begin with //!"));
    let long = |lines| format!("//!{}", "\n".repeat(lines));
    assert_eq!(complaints("src/a.rs", &long(FILE_LINES)), [""; 0]);
    assert!(complaints("src/a.rs", &long(FILE_LINES + 1))[0].contains("has 501 lines"));
}

#[test]
fn pure_crates_are_pure() {
    let complaints = |path: &str, text: &str| purity(&[Source { path: path.into(), text: text.into() }]);
    assert!(complaints("workers/track/src/a.rs", "\nlet t = Instant::now();")[0].contains("a.rs:2: Instant"));
    assert_eq!(complaints("workers/track/src/a.rs", "// an Instant\n#[cfg(test)]\nfs::read()"), [""; 0]);
    assert_eq!(complaints("workers/decode/src/a.rs", "let t = Instant::now();"), [""; 0]);
}
