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

/// Of cutting as it is told to, and of cutting by itself: into longer segments where footage is longer, of which it then
/// holds what one shows.
const CUTS: [(&str, &[&str]); 2] = [("10 s", &["--segment", "10"]), ("by itself", &[])];

/// Most that an hour may take, as a multiple of a minute: usually, at any moment, and the largest FFmpeg. A little above what
/// was seen: 1.04, 1.04 and 1.06 in segments as long, and 1.05, 1.08 and 1.06 cut by itself.
const TO_A_MINUTE: [[f64; 3]; 2] = [[1.05, 1.07, 1.1], [1.08, 1.12, 1.1]];

/// The same of ten minutes, which have filled all caches.
const TO_TEN_MINUTES: [f64; 3] = [1.07; 3];

#[test]
#[ignore = "takes minutes; just bench-memory runs it"]
fn an_hour_takes_no_more_memory_than_a_minute() {
    let camcount = Camcount::new();
    let minute = camcount.path("minute.mp4");
    let minute = minute.to_str().unwrap();
    ffmpeg(["-i", street(), "-vf", "scale=480:-2", "-c:v", "libx264", "-g", "25", minute]);
    let videos = [1, 10, 60].map(|minutes| {
        let video = camcount.path(&format!("{minutes}.mp4")).to_str().unwrap().to_owned();
        ffmpeg(["-stream_loop", &(minutes - 1).to_string(), "-i", minute, "-c", "copy", &video]);
        (minutes, video)
    });
    println!(
        "{:>10}{:>8}{:>12}{:>12}{:>20}",
        "segments", "minutes", "usual MiB", "peak MiB", "largest FFmpeg MiB"
    );
    let mut met = true;
    for ((cut, args), limits) in CUTS.into_iter().zip(TO_A_MINUTE) {
        let [short, middle, long] = videos.each_ref().map(|(minutes, video)| {
            let memory = Memory::of(Camcount::new().start([&["count", video], args, &STREET[..]].concat()));
            let Memory { usual, peak, ffmpeg } = memory;
            println!("{cut:>10}{minutes:>8}{usual:>12.1}{peak:>12.1}{ffmpeg:>20.1}");
            memory
        });
        for (than, memory, limits) in [("a minute", short, limits), ("ten minutes", middle, TO_TEN_MINUTES)] {
            let ratios = [long.usual / memory.usual, long.peak / memory.peak, long.ffmpeg / memory.ffmpeg];
            let told = ["usual", "peak", "FFmpeg"].iter().zip(ratios).zip(limits);
            let told = told.map(|((what, ratio), limit)| format!("{what} {ratio:.2} (at most {limit})"));
            println!("an hour to {than}: {}", told.collect::<Vec<_>>().join(", "));
            met &= ratios.iter().zip(limits).all(|(ratio, limit)| *ratio <= limit);
        }
    }
    assert!(met);
}
