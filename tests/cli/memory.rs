//! Memory does not grow with the footage. `just bench-memory` runs this.

use std::{collections::BTreeMap, fs, process::Child, time::Duration};

use crate::harness::{Camcount, STREET, ffmpeg, street};

/// Peak resident memory of a process in KiB, as the kernel knows it; `None` when it has ended.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Peaks of the program and of its largest child, in MiB, sampled until it ends.
fn peaks(mut child: Child) -> (f64, f64) {
    let pid = child.id();
    let mut peaks = BTreeMap::new();
    let mut sample = |process: u32, own: bool| {
        if let Some(kib) = peak_kib(process) {
            let peak = peaks.entry(own).or_insert(0);
            *peak = kib.max(*peak);
        }
    };
    while child.try_wait().unwrap().is_none() {
        sample(pid, true);
        for process in children(pid) {
            sample(process, false);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mib = |own| peaks.get(&own).copied().unwrap_or_default() as f64 / 1024.0;
    (mib(true), mib(false))
}

/// The stated limit: an hour takes at most a quarter more than a minute.
#[test]
#[ignore = "takes minutes; just bench-memory runs it"]
fn an_hour_takes_no_more_memory_than_a_minute() {
    let camcount = Camcount::new();
    let hour = camcount.path("hour.mp4");
    let hour = hour.to_str().unwrap();
    ffmpeg(["-stream_loop", "59", "-i", street(), "-c", "copy", hour]);
    let run = |video: &str| {
        let fresh = Camcount::new();
        peaks(fresh.start([&["count", video], &STREET[..]].concat()))
    };
    let (minute, minute_child) = run(street());
    let (long, long_child) = run(hour);
    println!("            camcount MiB  largest FFmpeg MiB");
    println!("a minute    {minute:>12.1}  {minute_child:>18.1}");
    println!("an hour     {long:>12.1}  {long_child:>18.1}");
    println!("ratio       {:>12.2}  {:>18.2}  (limit 1.25)", long / minute, long_child / minute_child);
    assert!(long <= minute * 1.25 && long_child <= minute_child * 1.25);
}
