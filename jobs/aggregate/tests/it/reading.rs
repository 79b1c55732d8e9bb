//! Reading roll-ups as a series with its trend.

use camcount_aggregate::{Calendar, PeriodCounts, Trend, read, roll_up};
use camcount_domain::{Granularity, MediaSpan, MediaTime};
use camcount_store::Scope;

use crate::footage::{Event, HOUR_US, commit, open, pass, ruleset, time};

fn event(time: MediaTime, observed_us: i64) -> Event {
    Event { time, car: false, confidence: 8_000, inside: 2, observed_us }
}

#[tokio::test]
async fn zero_is_not_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let id = pass(&store, "gate", "Europe/Berlin").await;
    let start = time("2026-05-01T08:00:00Z");
    let at = |hour: i64| start.plus_us(hour * HOUR_US);
    // Two, four, nobody, a gap, and one car.
    let mut events = vec![event(at(0), 10_000_000), event(at(0), 0)];
    events.extend([event(at(1), 10_000_000), event(at(1), 0), event(at(1), 0), event(at(1), 0)]);
    events.push(Event { car: true, ..event(at(4), 10_000_000) });
    commit(&store, &id, 0, &events).await;
    let mut quiet = crate::footage::counts(1, &[event(at(2), 10_000_000), event(at(3), 0)]);
    quiet.crossings.clear();
    quiet.lines.clear();
    quiet.zones.clear();
    let commit =
        camcount_store::SegmentCommit { pass: &id, seq: camcount_domain::Seq(1), counts: &quiet, state: &[] };
    camcount_store::Store::commit_segment(&store, commit).await.unwrap();
    roll_up(&store, Scope::All).await.unwrap();

    let calendar = Calendar::of("Europe/Berlin").unwrap();
    let span = MediaSpan { start: at(1).plus_us(60_000_000), end: at(9) };
    let read = read(&store, &id, &ruleset(), &calendar, Granularity::Hour, span).await.unwrap();
    let starts: Vec<_> = read.iter().map(|period| period.start.as_str()).collect();
    let hours = ["11", "12", "13", "14"].map(|hour| format!("2026-05-01 {hour}:00:00+02:00"));
    assert_eq!(starts, hours);
    let all = |period: &PeriodCounts| period.lines[0].clone();
    let totals: Vec<_> = read.iter().map(|period| all(period).total).collect();
    assert_eq!(totals, [Some(4), Some(0), None, Some(1)]);
    let trends: Vec<_> = read.iter().map(|period| all(period).trend).collect();
    let trend = |previous, change, change_percent| Trend { previous, change, change_percent };
    assert_eq!(
        trends,
        [
            trend(Some(2), Some(2), Some(100.0)),
            trend(Some(4), Some(-4), Some(-100.0)),
            trend(Some(0), None, None),
            trend(None, None, None),
        ]
    );
    assert_eq!((all(&read[0]).count_in, all(&read[0]).confidence), (Some(4), Some(0.8)));
    assert_eq!((read[0].observed_s, read[0].gap_s), (10.0, 30.0));
    assert_eq!(all(&read[1]).confidence, None);
    let classes = |period: &PeriodCounts| -> Vec<_> {
        period.lines.iter().map(|line| (line.line.clone(), line.class.clone(), line.total)).collect()
    };
    let (door, road) = ("door".to_owned(), "road".to_owned());
    assert_eq!(
        classes(&read[3]),
        [(door.clone(), None, Some(1)), (door, Some("car".into()), Some(1)), (road, None, Some(0))]
    );
    let zone = &read[0].zones[0];
    assert_eq!((zone.entered, zone.occupancy_min, zone.occupancy_max), (Some(8), Some(2), Some(4)));
    assert_eq!(zone.occupancy_mean, Some(2.0));
    store.close().await;
}

#[test]
fn a_trend_of_nothing_has_no_per_cent() {
    assert_eq!(
        Trend::of(Some(0), Some(3)),
        Trend { previous: Some(0), change: Some(3), change_percent: None }
    );
    assert_eq!(Trend::of(None, Some(3)), Trend::default());
}
