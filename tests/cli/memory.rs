//! Memory levels off, however long the footage is. `just bench-memory` runs this.

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

/// Memory of one run, in MiB.
struct Memory {
    /// Of the program: the median of the second half of the run, when its caches are full.
    usual: f64,
    /// Of the program: the most at any moment.
    peak: f64,
    /// Of the largest FFmpeg: the most at any moment.
    ffmpeg: f64,
}

impl Memory {
    /// Samples a process until it ends.
    fn of(mut child: Child) -> Self {
        let (mut samples, mut peak_kib, mut ffmpeg_kib) = (Vec::new(), 0, 0);
        while child.try_wait().unwrap().is_none() {
            samples.extend(status_kib(child.id(), "VmRSS:"));
            // The kernel keeps the peak, so only the very last moments can be missed.
            peak_kib = peak_kib.max(status_kib(child.id(), "VmHWM:").unwrap_or_default());
            for ffmpeg in ffmpegs(child.id()) {
                ffmpeg_kib = ffmpeg_kib.max(status_kib(ffmpeg, "VmHWM:").unwrap_or_default());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let mut late = samples.split_off(samples.len() / 2);
        late.sort_unstable();
        let mib = |kib: u64| kib as f64 / 1024.0;
        Self { usual: mib(late[late.len() / 2]), peak: mib(peak_kib), ffmpeg: mib(ffmpeg_kib) }
    }
}

/// Stated limits, a little above what was seen (8 % and 12 % more than a minute): an hour usually takes at most 10 % more than
/// a minute does, for it fills the caches that a minute does not, and at no moment more than 15 % more, for the peak of a run
/// is the largest of many fluctuations, and an hour has sixty times as many.
#[test]
#[ignore = "takes minutes; just bench-memory runs it"]
fn an_hour_takes_no_more_memory_than_a_minute() {
    let camcount = Camcount::new();
    let minute = camcount.path("minute.mp4");
    let minute = minute.to_str().unwrap();
    ffmpeg(["-i", street(), "-vf", "scale=480:-2", "-c:v", "libx264", "-g", "25", minute]);
    println!("{:>8}{:>12}{:>12}{:>19}", "minutes", "usual MiB", "peak MiB", "largest FFmpeg MiB");
    let [short, middle, long] = [1, 10, 60].map(|minutes| {
        let video = camcount.path(&format!("{minutes}.mp4"));
        let video = video.to_str().unwrap();
        ffmpeg(["-stream_loop", &(minutes - 1).to_string(), "-i", minute, "-c", "copy", video]);
        let memory = Memory::of(Camcount::new().start([&["count", video], &STREET[..]].concat()));
        println!("{minutes:>8}{:>12.1}{:>12.1}{:>19.1}", memory.usual, memory.peak, memory.ffmpeg);
        memory
    });
    let ratios = |than: &Memory| [long.usual / than.usual, long.peak / than.peak, long.ffmpeg / than.ffmpeg];
    let mut met = true;
    for (than, limits, ratios) in
        [("a minute", [1.1, 1.15, 1.1], ratios(&short)), ("ten minutes", [1.07; 3], ratios(&middle))]
    {
        let told = ["usual", "peak", "FFmpeg"].iter().zip(ratios).zip(limits);
        let told: Vec<_> =
            told.map(|((what, ratio), limit)| format!("{what} {ratio:.2} (at most {limit})")).collect();
        println!("an hour to {than}: {}", told.join(", "));
        met &= ratios.iter().zip(limits).all(|(ratio, limit)| *ratio <= limit);
    }
    assert!(met);
}
