//! For any counts, in any segments, rolled up at any times: the sums of all at once.

use camcount_aggregate::{Calendar, fold, roll_up};
use camcount_domain::{Granularity, MediaSpan, MediaTime, Sums};
use camcount_store::{Rollups, Scope};
use proptest::prelude::*;

use crate::footage::{Event, HOUR_US, at_once, commit, open, pass, stored, time};

/// Around the days on which clocks are changed, and around the ends of months.
fn events() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let days = prop_oneof![Just("2026-03-28"), Just("2026-10-24"), Just("2026-05-30"), Just("2026-04-04")];
    let event = (0..72 * HOUR_US, any::<bool>(), 1..=10_000_u16, 0..4_i64, 0..=10_000_000_i64);
    let event = event.prop_map(|(offset, car, confidence, inside, observed_us)| {
        (offset, Event { time: MediaTime(0), car, confidence, inside, observed_us })
    });
    let segments = prop::collection::vec(prop::collection::vec(event, 0..6), 1..8);
    (days, segments).prop_map(|(day, segments)| {
        let placed = |(offset, event)| Event { time: time(day).plus_us(offset), ..event };
        segments.into_iter().map(|events| events.into_iter().map(placed).collect()).collect()
    })
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("UTC"),
        Just("Europe/Berlin"),
        Just("Asia/Kolkata"),
        Just("Australia/Lord_Howe"),
        Just("America/St_Johns"),
    ]
}

/// Totals of everything: counts in and out, confidence, entered, occupied, observed, gaps.
fn totals(sums: &Sums) -> [i64; 7] {
    let line = |of: fn(&camcount_domain::LineSum) -> i64| sums.lines.iter().map(of).sum();
    [
        line(|row| row.count_in),
        line(|row| row.count_out),
        line(|row| row.confidence_sum),
        sums.zones.iter().map(|row| row.entered).sum(),
        sums.zones.iter().map(|row| row.occupied_us).sum(),
        sums.coverage.iter().map(|row| row.observed_us).sum(),
        sums.coverage.iter().map(|row| row.gap_us).sum(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rolling_up_in_parts_comes_to_the_same(segments in events(), zone in zone(), when in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder).await;
            let id = pass(&store, "gate", zone).await;
            for (seq, events) in segments.iter().enumerate() {
                commit(&store, &id, seq as i64, events).await;
                if when >> (seq % 8) & 1 == 1 {
                    roll_up(&store, Scope::All).await.unwrap();
                }
            }
            roll_up(&store, Scope::All).await.unwrap();
            assert!(store.dirty(Scope::All, 1).await.unwrap().is_empty());
            let calendar = Calendar::of(zone).unwrap();
            for granularity in Granularity::ALL {
                let expected = at_once(&store, &id, &calendar, granularity).await;
                assert_eq!(stored(&store, &id, granularity).await, expected, "{granularity}");
            }
            store.close().await;
        });
    }

    #[test]
    fn sums_of_finer_equal_coarser(segments in events(), zone in zone()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder).await;
            let id = pass(&store, "gate", zone).await;
            for (seq, events) in segments.iter().enumerate() {
                commit(&store, &id, seq as i64, events).await;
            }
            let everything = MediaSpan { start: MediaTime(0), end: MediaTime(i64::MAX / 2) };
            let buckets = store.bucket_sums(&id, everything).await.unwrap();
            let calendar = Calendar::of(zone).unwrap();
            let all: Vec<Sums> = Granularity::ALL.map(|wide| fold(&buckets, wide, &calendar)).into();
            for (wide, sums) in Granularity::ALL.into_iter().zip(&all) {
                assert_eq!(totals(sums), totals(&buckets), "{wide}");
            }
            // Minutes, hours and days lie in each other, and days in weeks and in months.
            for (narrow, wide) in [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (0, 4)] {
                assert_eq!(fold(&all[narrow], Granularity::ALL[wide], &calendar), all[wide]);
            }
            store.close().await;
        });
    }
}
