//! What takes the processors and the disk.

use std::fmt;

use tokio::time::Instant;

use crate::servers::Server;

/// What was used up to a moment, in seconds: CPU of this process (scheduler, workers, client sides), of the broker, of all
/// PostgreSQL servers and of all the machine, and time in which something waited for the disk.
#[derive(Clone)]
pub(crate) struct Usage {
    at: Instant,
    own: f64,
    broker: f64,
    database: f64,
    all: f64,
    disk: f64,
}

impl Usage {
    pub(crate) fn now(broker: &Server) -> Self {
        let pids = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let database = pids.filter(|pid| name_of(*pid).starts_with("postgres")).map(cpu_s).sum();
        Self {
            at: Instant::now(),
            own: cpu_s(std::process::id()),
            broker: cpu_s(broker.pid()),
            database,
            all: all_cpu_s(),
            disk: waited_for_disk_s(),
        }
    }

    pub(crate) fn since(&self, before: &Self) -> Took {
        let seconds = (self.at - before.at).as_secs_f64();
        let share = |now: f64, then: f64| (now - then) / seconds;
        Took {
            own: share(self.own, before.own),
            broker: share(self.broker, before.broker),
            database: share(self.database, before.database),
            all: share(self.all, before.all),
            disk: share(self.disk, before.disk),
        }
    }
}

/// What was used in a span: cores, and the share of the time in which something waited for the disk.
#[derive(Default)]
pub(crate) struct Took {
    own: f64,
    broker: f64,
    database: f64,
    all: f64,
    disk: f64,
}

impl Took {
    /// What there is no more of.
    pub(crate) fn used_up(&self) -> String {
        let cores = std::thread::available_parallelism().unwrap().get() as f64;
        if self.all > 0.9 * cores {
            format!("the processors, {:.2} of {cores} cores", self.all)
        } else if self.disk > 0.5 {
            format!("the disk, waited for {:.0} % of the time", 100.0 * self.disk)
        } else {
            "neither processors nor disk".to_owned()
        }
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, broker, database, all, disk } = self;
        write!(
            f,
            "cores: {own:.2} scheduler and workers, {broker:.2} NATS, {database:.2} PostgreSQL, {all:.2} all; disk waited \
             for {:.0} %",
            100.0 * disk
        )
    }
}

fn name_of(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

/// User and system time of a process, children that have ended included.
fn cpu_s(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    ticks_s(after_name.split_whitespace().skip(11).take(4))
}

/// The same of everything that has run on this machine's processors.
fn all_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    // User, nice and system; then what is idle; then interrupts, and what another machine on the same host took.
    let fields = stat.lines().next().unwrap().split_whitespace().skip(1).take(8).enumerate();
    ticks_s(fields.filter(|(n, _)| ![3, 4].contains(n)).map(|(_, ticks)| ticks))
}

fn ticks_s<'a>(ticks: impl Iterator<Item = &'a str>) -> f64 {
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Time in which at least one process waited for the disk; zero where the kernel does not tell.
fn waited_for_disk_s() -> f64 {
    let pressure = std::fs::read_to_string("/proc/pressure/io").unwrap_or_default();
    let total = pressure.lines().next().and_then(|some| some.rsplit_once("total=")?.1.parse::<f64>().ok());
    total.unwrap_or_default() / 1e6
}
