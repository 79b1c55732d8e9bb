//! Memory does not grow with the footage. `just bench-memory` runs this.

use std::{fs, process::Child, time::Duration};

use crate::harness::{Camcount, STREET, ffmpeg, street};

/// A line of a process's status, in KiB; `None` when it has ended.
fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}

/// The FFmpeg processes that threads of a process have started. Between fork and exec a child is still its parent,
/// by name and by memory.
fn ffmpegs(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let is_ffmpeg = |pid: &String| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ff"))
    };
    children.filter(is_ffmpeg).filter_map(|pid| pid.parse().ok()).collect()
}

/// Peaks of the program and of its largest child, in MiB, sampled until it ends.
fn peaks(mut child: Child) -> (f64, f64) {
    let (mut own_kib, mut ffmpeg_kib) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        // The kernel keeps the peak, so only the very last moments can be missed.
        own_kib = own_kib.max(status_kib(child.id(), "VmHWM:").unwrap_or_default());
        for ffmpeg in ffmpegs(child.id()) {
            ffmpeg_kib = ffmpeg_kib.max(status_kib(ffmpeg, "VmHWM:").unwrap_or_default());
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    (own_kib as f64 / 1024.0, ffmpeg_kib as f64 / 1024.0)
}

/// Stated limits: an hour takes at most a tenth more than ten minutes, and at most half as much again as a minute,
/// which is over before the caches are full.
#[test]
#[ignore = "takes minutes; just bench-memory runs it"]
fn an_hour_takes_no_more_memory_than_ten_minutes() {
    let camcount = Camcount::new();
    let minute = camcount.path("minute.mp4");
    let minute = minute.to_str().unwrap();
    ffmpeg(["-i", street(), "-vf", "scale=480:-2", "-c:v", "libx264", "-g", "25", minute]);
    println!("{:>8}  {:>12}  {:>19}", "minutes", "camcount MiB", "largest FFmpeg MiB");
    let [(short, _), (middle, middle_ffmpeg), (long, long_ffmpeg)] = [1, 10, 60].map(|minutes| {
        let video = camcount.path(&format!("{minutes}.mp4"));
        let video = video.to_str().unwrap();
        ffmpeg(["-stream_loop", &(minutes - 1).to_string(), "-i", minute, "-c", "copy", video]);
        let peaks = peaks(Camcount::new().start([&["count", video], &STREET[..]].concat()));
        println!("{minutes:>8}  {:>12.1}  {:>19.1}", peaks.0, peaks.1);
        peaks
    });
    println!(
        "an hour to ten minutes: {:.2} and {:.2} (limit 1.10)",
        long / middle,
        long_ffmpeg / middle_ffmpeg
    );
    println!("an hour to a minute: {:.2} (limit 1.50)", long / short);
    assert!(long <= 1.1 * middle && long_ffmpeg <= 1.1 * middle_ffmpeg && long <= 1.5 * short);
}
