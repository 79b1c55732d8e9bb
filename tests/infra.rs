//! What infra says of camcount is true of it: command lines, settings, metrics. The schemas of those who read these files
//! are `just check-infra`'s to check.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Variables of infra/.env that compose alone reads.
const OF_COMPOSE: [&str; 3] = ["CAMCOUNT_IMAGE", "CAMCOUNT_CUDA_IMAGE", "CAMCOUNT_BIND"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder whose names end in one of `endings`.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{folder} has no {endings:?}");
    files
}

/// The words of a text, with quotes as in YAML and shells.
fn words(text: &str, between: &[char]) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if between.contains(&c) => end(&mut word),
            _ => word.push(c),
        }
    }
    end(&mut word);
    words
}

/// The names in a text that begin with `prefix` and go on with what `goes_on` takes.
fn names(text: &str, prefix: &str, goes_on: impl Fn(char) -> bool) -> BTreeSet<String> {
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(at, _)| text[at..].chars().take_while(|c| goes_on(*c)).collect())
        .collect()
}

/// Fails unless camcount reads these arguments to their end.
fn is_understood(args: &[String], place: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camcount"));
    // It comes last, so whatever stands before it is read first.
    let output = command.args(args).arg("--help").output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: camcount {}: {complaint}", place.display(), args.join(" "));
}

#[test]
fn every_role_is_started_by_a_command_line_that_is_understood() {
    for folder in ["infra/kubernetes", "infra"] {
        let mut roles = BTreeSet::new();
        for file in files(folder, &[".yaml"]) {
            for line in fs::read_to_string(&file).unwrap().lines() {
                let list = line.trim().strip_prefix("command: [").or(line.trim().strip_prefix("args: ["));
                let Some(list) = list.and_then(|list| list.strip_suffix(']')) else { continue };
                let args = words(list, &[',', ' ']);
                // The others are those of brokers and databases.
                if ["migrate", "scheduler", "recorder", "worker"].contains(&args[0].as_str()) {
                    is_understood(&args, &file);
                    roles.insert(args[0].clone());
                }
            }
        }
        assert_eq!(roles.len(), 4, "{folder} starts only {roles:?}");
    }
}

#[test]
fn every_command_that_readers_are_told_to_type_is_understood() {
    let mut seen = 0;
    for file in ["README.md", "infra/README.md"].map(|file| root().join(file)) {
        let text = fs::read_to_string(&file).unwrap().replace("\\\n", " ");
        for line in text.lines() {
            let run = line.split_once("compose.yaml run --rm").map(|(_, run)| run);
            let Some((_, typed)) = run.and_then(|run| run.split_once(" camcount ")) else { continue };
            let typed = typed.split(" #").next().unwrap_or_default();
            is_understood(&words(typed, &[' ']), &file);
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} commands were found");
}

#[test]
fn every_metric_that_is_asked_for_is_told_by_some_role() {
    let in_metric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut told = BTreeSet::new();
    for folder in ["src", "jobs", "workers", "scheduler"] {
        for file in files(folder, &[".rs"]) {
            told.extend(names(&fs::read_to_string(file).unwrap(), "camcount_", in_metric));
        }
    }
    let mut asked = 0;
    for file in files("infra", &[".yml", ".yaml", "camcount.json"]) {
        for name in names(&fs::read_to_string(&file).unwrap(), "camcount_", in_metric) {
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let metric = of_histogram.filter(|metric| told.contains(*metric)).unwrap_or(&name);
            assert!(told.contains(metric), "{} asks for {name}, which nobody tells", file.display());
            asked += 1;
        }
    }
    assert!(asked >= 10, "only {asked} metrics were found");
}

#[test]
fn every_setting_that_is_given_is_one() {
    let help = Command::new(env!("CARGO_BIN_EXE_camcount")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut given = 0;
    for file in files("infra", &[".yaml", "Dockerfile", ".env.example"]) {
        let text = fs::read_to_string(&file).unwrap();
        for name in names(&text, "CAMCOUNT_", |c| c.is_ascii_uppercase() || c == '_') {
            let known = OF_COMPOSE.contains(&name.as_str()) || help.contains(&format!("[env: {name}"));
            assert!(known, "{} sets {name}, which nothing reads", file.display());
            given += 1;
        }
    }
    assert!(given >= 10, "only {given} settings were found");
}

#[test]
fn both_copies_of_the_alerts_are_the_same() {
    let groups = |file: &str| {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let lines = text.lines().map(str::trim_start).skip_while(|line| *line != "groups:");
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let rules = groups("infra/prometheus/rules.yml");
    assert!(rules.len() > 50, "{rules:?}");
    assert_eq!(rules, groups("infra/kubernetes/components/prometheus-operator/rules.yaml"));
}
