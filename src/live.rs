//! What was counted so far: as the store has it, and as the counters in Redis have it, where there are some.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use async_trait::async_trait;
use camcount_aggregate::Calendar;
use camcount_domain::{Granularity, LiveCounts, MediaSpan, MediaTime, PassId, SegmentCounted, Taken};
use camcount_queue::{Counters, Day};
use camcount_runtime::{Fold, Hear};
use camcount_store::{Lookup, SoFar, Store, StoreError};

use crate::wall_clock;

/// What a pass has counted `within`, as the store has it; `zones` are the names of its rules' zones.
pub(crate) async fn so_far(
    store: &dyn Store,
    pass: &PassId,
    zones: impl Iterator<Item = String>,
    within: MediaSpan,
) -> Result<LiveCounts, StoreError> {
    let SoFar { mut counts, state } = store.so_far(pass, within).await?;
    // A state of another version of camcount tells nothing here, and counting goes on where it is known.
    let fold = state.and_then(|state| Fold::from_bytes(&state).ok());
    counts.zones = fold.map(|fold| fold.inside(zones)).unwrap_or_default();
    Ok(counts)
}

/// The day that a time lies in.
pub(crate) fn day(calendar: &Calendar, time: MediaTime) -> Option<Day> {
    let span = calendar.period(Granularity::Day, time)?;
    Some(Day { name: calendar.clock(span.start).replace(' ', "T"), span })
}

/// Days that ended longer ago are nobody's today, wherever on earth.
const OVER_US: i64 = 24 * 3_600_000_000;

/// Moves the counters in Redis on.
pub(crate) struct Counting {
    store: Arc<dyn Store>,
    lookup: Arc<dyn Lookup>,
    counters: Counters,
}

impl Counting {
    pub(crate) fn new(store: Arc<dyn Store>, lookup: Arc<dyn Lookup>, counters: Counters) -> Self {
        Self { store, lookup, counters }
    }
}

#[async_trait]
impl Hear for Counting {
    async fn hear(&self, counted: &SegmentCounted) -> Result<(), Box<dyn Error + Send + Sync>> {
        let camera = self.lookup.camera(counted.camera).await?;
        let calendar = Calendar::of(camera.as_ref().map_or("UTC", |entry| &entry.time_zone))?;
        let starts = (counted.lines.iter().map(|row| row.start))
            .chain(counted.coverage.iter().map(|row| row.start))
            .chain([counted.span.start, counted.span.end.plus_us(-1)]);
        let days: BTreeMap<MediaTime, Day> =
            starts.filter_map(|start| day(&calendar, start)).map(|day| (day.span.start, day)).collect();
        let now = MediaTime(wall_clock::now().0);
        for day in days.values().filter(|day| now.since_us(day.span.end) < OVER_US) {
            if self.counters.add(counted, day).await? == Taken::Ahead {
                // A new day, a segment that was not told of, or a Redis that has lost them.
                let zones = counted.zones.iter().map(|zone| zone.zone.clone());
                let counts = so_far(&*self.store, &counted.pass, zones, day.span).await?;
                self.counters.put(&counted.pass, day, &counts).await?;
            }
        }
        Ok(())
    }
}
