//! A folder of objects, and what it does with what the dead leave.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;

use crate::{BlobError, Blobs, Folder, Put, blob_conformance, conformance::Harness};

struct Temporary;

#[async_trait]
impl Harness for Temporary {
    type Guard = TempDir;

    async fn blobs(&self) -> Option<(Arc<dyn Blobs>, TempDir)> {
        let folder = tempfile::tempdir().unwrap();
        Some((Arc::new(Folder::open(folder.path()).unwrap()), folder))
    }
}

blob_conformance! { Temporary, #[tokio::test] }

#[test]
fn what_the_dead_left_is_removed_and_what_the_living_write_is_not() {
    let root = tempfile::tempdir().unwrap();
    let living = Folder::open(root.path()).unwrap();
    let incoming = root.path().join(".incoming");
    let being_written = incoming.join("0/17");
    fs::write(&being_written, "half of an obj").unwrap();
    // One died while it wrote, another before it took its lock.
    fs::create_dir(incoming.join("1")).unwrap();
    fs::write(incoming.join("1/lock"), "").unwrap();
    fs::write(incoming.join("1/0"), "half of an obj").unwrap();
    fs::create_dir(incoming.join("2")).unwrap();

    let second = Folder::open(root.path()).unwrap();
    assert!(being_written.exists());
    assert!(!incoming.join("1/0").exists() && !incoming.join("2").exists());

    drop(living);
    drop(second);
    let left: Vec<_> = fs::read_dir(&incoming).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[tokio::test]
async fn nothing_stays_behind_a_put() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    for _ in 0..3 {
        folder.put("a/b", Bytes::from_static(b"x")).await.unwrap();
    }
    let left: Vec<_> =
        fs::read_dir(root.path().join(".incoming/0")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    assert_eq!(folder.list("", None, 9).await.unwrap(), ["a/b"], "what is hidden is not listed");
}

#[tokio::test]
async fn of_many_writers_exactly_one_writes() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    let put = |n: u8| folder.put("a/b/c", Bytes::from(vec![n; 50_000]));
    let puts = futures::future::join_all((0..16).map(put)).await;
    let written = puts.into_iter().map(Result::unwrap).filter(|put| *put == Put::Written).count();
    assert_eq!(written, 1);
}

#[tokio::test]
async fn two_processes_share_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (Folder::open(root.path()).unwrap(), Folder::open(root.path()).unwrap());
    assert_eq!(one.put("a", Bytes::from_static(b"one")).await.unwrap(), Put::Written);
    assert_eq!(other.put("a", Bytes::from_static(b"other")).await.unwrap(), Put::Kept);
    assert_eq!(other.get("a").await.unwrap(), "one");
}

#[tokio::test]
async fn failures_say_where_and_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    folder.put("a", Bytes::from_static(b"x")).await.unwrap();
    let error = folder.put("a/b", Bytes::from_static(b"x")).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, BlobError::Storage { .. }));
    assert!(text.starts_with("could not write a/b at /") && text.contains("in each other's way"), "{text}");

    let file = root.path().join("a");
    let text = Folder::open(&file).err().unwrap().to_string();
    assert!(text.starts_with("could not make the folder for blobs at /"), "{text}");
}

const KILLED_FOLDER: &str = "CAMCOUNT_TEST_KILLED_FOLDER";

fn object(n: usize) -> Bytes {
    Bytes::from(vec![n as u8; 300_000])
}

/// The other half of the test below, run as a process of its own.
#[tokio::test]
#[ignore = "writes until it is killed"]
async fn write_until_killed() {
    let Some(root) = std::env::var_os(KILLED_FOLDER) else { return };
    let folder = Folder::open(root.as_ref()).unwrap();
    for n in 0.. {
        folder.put(&format!("a/{n}"), object(n)).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_leaves_whole_objects_and_its_litter_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let mut process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::tests::write_until_killed", "--ignored"])
        .env(KILLED_FOLDER, root.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !root.path().join("a/20").exists() {
        assert!(process.try_wait().unwrap().is_none(), "the process ended by itself");
        tokio::task::yield_now().await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(root.path().join(".incoming/0/lock").exists(), "it had no time to clean up");

    let folder = Folder::open(root.path()).unwrap();
    let left: Vec<_> =
        fs::read_dir(root.path().join(".incoming/0")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "only that of the new process");
    let keys = folder.list("a/", None, usize::MAX).await.unwrap();
    assert!(keys.len() > 20);
    for key in keys {
        let n = key.strip_prefix("a/").unwrap().parse().unwrap();
        assert!(folder.get(&key).await.unwrap() == object(n), "{key}");
    }
}
