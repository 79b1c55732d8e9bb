//! Running something and taking its time, its processor time and its memory.

use std::{
    fs,
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What running something took.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// Processor time of all its processes and threads.
    pub(crate) cpu: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) memory: Memory,
}

/// The most at any moment, in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) program_kib: u64,
    /// Of its largest child.
    pub(crate) child_kib: u64,
}

/// Runs `command`, which says little, and expects success.
pub(crate) fn measure(mut command: Command) -> Measured {
    let started = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id();
    let (ended, end) = channel::<()>();
    let watching = thread::spawn(move || {
        let mut memory = Memory::default();
        // The kernel keeps the peak, so only the very last moments can be missed.
        while end.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            memory.program_kib = memory.program_kib.max(peak_kib(pid));
            let largest = children(pid).into_iter().map(peak_kib).max().unwrap_or_default();
            memory.child_kib = memory.child_kib.max(largest);
        }
        memory
    });
    // It ends but is not reaped: the kernel still knows what it took.
    let id = WaitId::Pid(Pid::from_raw(pid as i32).unwrap());
    waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let wall = started.elapsed();
    let cpu = cpu(&pid.to_string());
    drop(ended);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}: {stderr}", output.status);
    Measured { wall, cpu, stdout, stderr, memory: watching.join().unwrap() }
}

/// Processor time of a process, `self` for this one, and of the children that it has waited for.
pub(crate) fn cpu(pid: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may hold anything; then comes the third field.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime, stime, cutime, cstime: the fields 14 to 17 of proc(5), in hundredths of a second on Linux.
    let hundredths: u64 = fields[11..15].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * hundredths)
}

/// Jobs that wanted a processor over the last minute, in the mean.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The FFmpeg processes that threads of a process have started. Between fork and exec a child is still its parent,
/// by name and by memory.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let is_ffmpeg =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ff"));
    children.into_iter().filter(is_ffmpeg).collect()
}
