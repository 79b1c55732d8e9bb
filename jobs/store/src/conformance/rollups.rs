//! Roll-ups and upkeep.

use std::{slice::from_ref, sync::Arc};

use camcount_domain::{
    BUCKET_US, Confidence, CoverageBucket, Granularity, LineSum, MediaSpan, MediaTime, Pass, PassId,
    SegmentCounts, Seq, Sums, WallTime, ZoneBucket,
};
use futures::future::join_all;

use super::{commit, counted, registry, sample};
use crate::{DIRTY_US, Dirty, RolledUp, Scaled, Scope, Store};

const EVERYTHING: MediaSpan =
    MediaSpan { start: MediaTime(-1_000_000_000_000_000), end: MediaTime(1_000_000_000_000_000) };

/// Of the sample, what may be committed again.
fn buckets() -> SegmentCounts {
    SegmentCounts { crossings: Vec::new(), visits: Vec::new(), frames: Vec::new(), ..sample() }
}

pub(super) async fn all<F: Future<Output = Arc<dyn Store>>>(empty: &impl Fn() -> F) {
    a_commit_makes_its_hours_dirty(&*empty().await).await;
    buckets_come_with_the_confidence_of_their_crossings(&*empty().await).await;
    rollups_take_the_place_of_older_ones(&*empty().await).await;
    an_hour_that_was_counted_meanwhile_stays_dirty(&*empty().await).await;
    one_of_many_who_roll_up_at_once_gets_through(empty().await).await;
    another_time_zone_makes_all_dirty(&*empty().await).await;
    passes_are_found_by_what_people_call_them(&*empty().await).await;
    upkeep_is_noted(&*empty().await).await;
    scaling_is_logged(&*empty().await).await;
}

async fn scaling_is_logged(store: &dyn Store) {
    let scaled = |lane: &str, workers| Scaled {
        lane: lane.into(),
        workers,
        waiting: 12,
        running: 3,
        behind_ms: u64::from(workers) * 1_000,
    };
    assert_eq!(store.last_scaling().await.unwrap(), []);
    for (lane, workers) in [("detect", 1), ("count", 2), ("detect", 9), ("detect", 4)] {
        store.log_scaling(&scaled(lane, workers)).await.unwrap();
    }
    assert_eq!(store.last_scaling().await.unwrap(), [scaled("count", 2), scaled("detect", 4)]);
}

async fn passes_are_found_by_what_people_call_them(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    let later = Pass { first: Seq(2), ..pass.clone() };
    let later = store.open_pass(&later).await.unwrap();
    let (_, door) = counted(store, "door").await;
    let found = async |of: Option<&str>| -> Vec<PassId> {
        store.counted(of).await.unwrap().into_iter().map(|counted| counted.pass).collect()
    };
    assert_eq!(found(None).await, [door, id.clone(), later.clone()]);
    assert_eq!(found(Some("gate")).await, [id.clone(), later.clone()]);
    assert_eq!(found(Some(&pass.camera.to_string())).await, [id, later.clone()]);
    assert_eq!(found(Some(&later.0)).await, [later]);
    assert_eq!(found(Some("nobody")).await, []);
    let one = store.counted(Some("door")).await.unwrap().remove(0);
    assert_eq!((one.camera.as_str(), one.time_zone.as_str()), ("door", "UTC"));
    assert_eq!((one.ruleset, one.detector), (pass.ruleset, pass.detector));
}

async fn a_commit_makes_its_hours_dirty(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let (_, other) = counted(store, "door").await;
    assert_eq!(store.dirty(Scope::All, 9).await.unwrap(), []);
    commit(store, &id, 0, &SegmentCounts::default()).await;
    assert_eq!(store.dirty(Scope::All, 9).await.unwrap(), [], "nothing was counted");
    let mut counts = buckets();
    counts.coverage.push(CoverageBucket { start: MediaTime(5 * DIRTY_US), observed_us: 1, gap_us: 0 });
    commit(store, &id, 1, &counts).await;
    commit(store, &id, 2, &buckets()).await;
    let dirty = |hours| Dirty { pass: id.clone(), time_zone: "UTC".into(), version: 0, hours };
    let [early, late] = [(MediaTime(-DIRTY_US), Seq(2)), (MediaTime(5 * DIRTY_US), Seq(1))];
    assert_eq!(store.dirty(Scope::All, 9).await.unwrap(), [dirty(vec![early, late])]);
    assert_eq!(store.dirty(Scope::All, 1).await.unwrap(), [dirty(vec![early])], "the earliest");
    assert_eq!(store.dirty(Scope::Passes(from_ref(&other)), 9).await.unwrap(), []);
    commit(store, &other, 0, &sample()).await;
    assert_eq!(store.dirty(Scope::All, 1).await.unwrap().len(), 2, "of each pass");
    assert_eq!(store.dirty(Scope::Passes(from_ref(&other)), 9).await.unwrap().len(), 1);
}

async fn buckets_come_with_the_confidence_of_their_crossings(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let mut counts = sample();
    let start = counts.lines[0].start;
    counts.crossings[0].class = counts.lines[0].class.clone();
    counts.crossings[0].time = start;
    counts.lines[0].count_out = 2;
    let mut late = counts.crossings[0].clone();
    (late.ordinal, late.time, late.confidence) = (1, start.plus_us(BUCKET_US - 1), Confidence(1_000));
    let mut next = late.clone();
    (next.ordinal, next.time) = (2, start.plus_us(BUCKET_US));
    counts.crossings.extend([late, next]);
    commit(store, &id, 0, &counts).await;
    let line = LineSum {
        line: "door".into(),
        class: "person".into(),
        start,
        count_in: 0,
        count_out: 2,
        confidence_sum: 9_765,
    };
    let sums = Sums { lines: vec![line], zones: sample().zones, coverage: sample().coverage };
    assert_eq!(store.bucket_sums(&id, EVERYTHING).await.unwrap(), sums);
    let exactly = MediaSpan { start, end: start.plus_us(1) };
    assert_eq!(store.bucket_sums(&id, exactly).await.unwrap(), sums);
    let beside = MediaSpan { start: start.plus_us(1), end: MediaTime(i64::MAX / 2) };
    assert_eq!(store.bucket_sums(&id, beside).await.unwrap(), Sums::default());
}

fn sums(start: MediaTime, n: i64) -> Sums {
    let class = |class: &str| LineSum {
        line: "door".into(),
        class: class.to_owned(),
        start,
        count_in: n,
        count_out: 1,
        confidence_sum: 9_000 * n,
    };
    let zone = ZoneBucket {
        zone: "hall".into(),
        start,
        entered: n,
        left: 1,
        occupancy_min: 0,
        occupancy_max: n,
        occupied_us: n,
        stationary_us: n,
    };
    let coverage = CoverageBucket { start, observed_us: 1_000 * n, gap_us: n };
    Sums { lines: vec![class("Bus"), class("person")], zones: vec![zone], coverage: vec![coverage] }
}

async fn rollups_take_the_place_of_older_ones(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    commit(store, &id, 0, &sample()).await;
    let taken = store.dirty(Scope::All, 9).await.unwrap().remove(0);
    let (hour, later) = (MediaTime(-DIRTY_US), MediaTime(DIRTY_US));
    // A month that begins before all of its footage.
    let (month, day) = (MediaTime(-28 * 24 * DIRTY_US), sums(MediaTime(0), 7));
    let first = [
        (Granularity::Hour, sums(hour, 1)),
        (Granularity::Day, day.clone()),
        (Granularity::Month, sums(month, 3)),
    ];
    assert_eq!(store.store_rollups(&taken, &first).await.unwrap(), RolledUp::Now);
    assert_eq!(store.dirty(Scope::All, 9).await.unwrap(), []);
    assert_eq!(store.rollups(&id, Granularity::Hour, EVERYTHING).await.unwrap(), sums(hour, 1));
    assert_eq!(store.rollups(&id, Granularity::Month, EVERYTHING).await.unwrap(), sums(month, 3));
    assert_eq!(store.rollups(&id, Granularity::Week, EVERYTHING).await.unwrap(), Sums::default());

    assert_eq!(store.store_rollups(&taken, &first).await.unwrap(), RolledUp::Stale, "it is another's turn");
    commit(store, &id, 1, &buckets()).await;
    let taken = store.dirty(Scope::All, 9).await.unwrap().remove(0);
    assert_eq!(taken.version, 1);
    let mut both = sums(hour, 2);
    let more = sums(later, 1);
    both.lines.extend(more.lines);
    both.zones.extend(more.zones);
    both.coverage.extend(more.coverage);
    assert_eq!(
        store.store_rollups(&taken, &[(Granularity::Hour, both.clone())]).await.unwrap(),
        RolledUp::Now
    );
    assert_eq!(store.rollups(&id, Granularity::Hour, EVERYTHING).await.unwrap(), both);
    assert_eq!(store.rollups(&id, Granularity::Day, EVERYTHING).await.unwrap(), day, "the others stay");
    let one = MediaSpan { start: later, end: later.plus_us(1) };
    assert_eq!(store.rollups(&id, Granularity::Hour, one).await.unwrap(), sums(later, 1));
    let none = MediaSpan { start: hour.plus_us(1), end: later };
    assert_eq!(store.rollups(&id, Granularity::Hour, none).await.unwrap(), Sums::default());
}

async fn an_hour_that_was_counted_meanwhile_stays_dirty(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let mut counts = buckets();
    counts.coverage.push(CoverageBucket { start: MediaTime(0), observed_us: 1, gap_us: 0 });
    commit(store, &id, 0, &counts).await;
    let taken = store.dirty(Scope::All, 9).await.unwrap().remove(0);
    assert_eq!(taken.hours.len(), 2);
    commit(store, &id, 1, &buckets()).await;
    assert_eq!(store.store_rollups(&taken, &[]).await.unwrap(), RolledUp::Now);
    let left = store.dirty(Scope::All, 9).await.unwrap();
    assert_eq!(left[0].hours, [(MediaTime(-DIRTY_US), Seq(1))]);
}

async fn one_of_many_who_roll_up_at_once_gets_through(store: Arc<dyn Store>) {
    let (_, id) = counted(&*store, "gate").await;
    commit(&*store, &id, 0, &sample()).await;
    let taken = store.dirty(Scope::All, 9).await.unwrap().remove(0);
    let racers = (1..7).map(|n| {
        let (store, taken) = (Arc::clone(&store), taken.clone());
        async move {
            (n, store.store_rollups(&taken, &[(Granularity::Day, sums(MediaTime(0), n))]).await.unwrap())
        }
    });
    let done = join_all(racers).await;
    let through: Vec<_> = done.iter().filter(|(_, done)| *done == RolledUp::Now).collect();
    assert_eq!(through.len(), 1, "{done:?}");
    let stored = store.rollups(&id, Granularity::Day, EVERYTHING).await.unwrap();
    assert_eq!(stored, sums(MediaTime(0), through[0].0));
}

async fn another_time_zone_makes_all_dirty(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    let (_, other) = counted(store, "door").await;
    for id in [&id, &other] {
        commit(store, id, 0, &sample()).await;
    }
    for taken in store.dirty(Scope::All, 9).await.unwrap() {
        store.store_rollups(&taken, &[(Granularity::Day, sums(MediaTime(0), 1))]).await.unwrap();
    }
    let mut entry = registry::entry("gate");
    entry.time_zone = "UTC".into();
    store.enter_camera(&entry).await.unwrap();
    assert_eq!(store.dirty(Scope::All, 9).await.unwrap(), [], "it is the same");
    entry.time_zone = "Asia/Kolkata".into();
    store.enter_camera(&entry).await.unwrap();
    let dirty = store.dirty(Scope::All, 9).await.unwrap();
    assert_eq!((dirty.len(), &dirty[0].pass, dirty[0].version), (1, &pass.id(), 2));
    assert_eq!(
        (dirty[0].time_zone.as_str(), &dirty[0].hours),
        ("Asia/Kolkata", &vec![(MediaTime(-DIRTY_US), Seq(0))])
    );
    assert_eq!(store.rollups(&id, Granularity::Day, EVERYTHING).await.unwrap(), Sums::default());
    assert_eq!(store.rollups(&other, Granularity::Day, EVERYTHING).await.unwrap(), sums(MediaTime(0), 1));
}

async fn upkeep_is_noted(store: &dyn Store) {
    assert_eq!(store.last_due("roll-up.v1").await.unwrap(), None);
    for due in [WallTime(5), WallTime(5), WallTime(7), WallTime(6)] {
        store.note_due("roll-up.v1", due).await.unwrap();
        assert_eq!(store.last_due("roll-up.v1").await.unwrap(), Some(due));
    }
    assert_eq!(store.last_due("roll-over.v1").await.unwrap(), None);
}
