//! How many workers a lane is to have, by how far behind it is. Pure.

use std::time::Duration;

use camcount_domain::Lane;

/// What is known of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that could start now.
    pub waiting: usize,
    /// Jobs at work.
    pub running: usize,
    /// How long the first of the waiting ones has waited. Live jobs are published as soon as their footage is there, so
    /// this is how far behind live a live lane is.
    pub behind: Duration,
}

/// How far a lane may be behind before it is to have more workers.
#[must_use]
pub fn allowed(lane: Lane) -> Duration {
    Duration::from_secs(match lane {
        // A segment or two of a live camera.
        Lane::Detect | Lane::Count => 10,
        // Its jobs come by the minute.
        Lane::Upkeep => 60,
        // Nobody watches; starting machines for less does not pay.
        Lane::DetectBackfill | Lane::CountBackfill => 600,
    })
}

/// How many workers a lane is to have, each of which does `slots` jobs at a time; `most` at most.
///
/// Those at work keep pace with what comes while the lane is no further behind than `allowed`; beyond, it is to have as
/// many times more as it is further behind, but never more slots than there are jobs. Without jobs it is to have none.
#[must_use]
pub fn desired_workers(load: Load, allowed: Duration, slots: u32, most: u32) -> u32 {
    let jobs = load.waiting + load.running;
    if jobs == 0 {
        return 0;
    }
    let pressure = (load.behind.as_secs_f64() / allowed.as_secs_f64().max(1.0)).max(1.0);
    let wanted = (load.running.max(1) as f64 * pressure).ceil().min(jobs as f64);
    // Saturates: a float beyond is the greatest there is.
    ((wanted / f64::from(slots.max(1))).ceil() as u32).min(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN_S: Duration = Duration::from_secs(10);

    fn load(waiting: usize, running: usize, behind_s: u64) -> Load {
        Load { waiting, running, behind: Duration::from_secs(behind_s) }
    }

    #[test]
    fn a_lane_without_jobs_needs_nobody_and_the_first_job_somebody() {
        assert_eq!(desired_workers(load(0, 0, 0), TEN_S, 4, 100), 0);
        assert_eq!(desired_workers(load(1, 0, 0), TEN_S, 4, 100), 1);
        assert_eq!(desired_workers(load(50, 0, 30), TEN_S, 1, 100), 3, "nobody works, and it is behind");
    }

    #[test]
    fn who_keeps_pace_stays_and_who_falls_behind_is_joined() {
        assert_eq!(desired_workers(load(5, 8, 3), TEN_S, 4, 100), 2);
        assert_eq!(desired_workers(load(500, 8, 30), TEN_S, 4, 100), 6);
        assert_eq!(desired_workers(load(4, 8, 3_600), TEN_S, 4, 100), 3, "no more slots than jobs");
        assert_eq!(desired_workers(load(5_000, 8, 3_600), TEN_S, 4, 20), 20, "no more than allowed");
    }

    proptest! {
        #[test]
        fn more_load_never_needs_fewer(
            waiting in 0..5_000_usize, running in 0..500_usize, behind_s in 0..10_000_u64,
            more in 0..1_000_usize, slots in 1..16_u32,
        ) {
            let of = |load| desired_workers(load, TEN_S, slots, 50);
            let now = of(load(waiting, running, behind_s));
            prop_assert!(of(load(waiting + more, running, behind_s)) >= now);
            prop_assert!(of(load(waiting, running + more, behind_s)) >= now);
            prop_assert!(of(load(waiting, running, behind_s + more as u64)) >= now);
            prop_assert!(now <= 50 && (now > 0) == (waiting + running > 0));
        }
    }
}
