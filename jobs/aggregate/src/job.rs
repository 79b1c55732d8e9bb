//! The job: takes dirty hours, adds up what they hold, and stores the sums.
//!
//! Minutes and hours come from buckets, days from stored hours, weeks and months from stored days; so a tick reads
//! little, however long the footage is. The store refuses sums of which another has changed the parts.

use std::collections::{BTreeMap, BTreeSet};

use camcount_domain::{Granularity, MediaSpan, MediaTime, PassId, Sums};
use camcount_store::{DIRTY_US, Dirty, RolledUp, Rollups, Scope, StoreError};

use crate::{Calendar, UnknownTimeZone, fold};

/// Hours of one pass that are taken at a time: a day, so that what is held in memory is bounded.
const HOURS: u32 = 24;

/// How often a pass may be refused in a run because another rolls it up too; it then makes headway without us.
const REFUSALS: u32 = 5;

/// Why counts were not rolled up. What is dirty stays so, and the next run goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// The store failed.
    #[error("the counts could not be rolled up")]
    Store(#[from] StoreError),
    /// A camera's time zone is none.
    #[error("the counts of pass {pass} could not be rolled up")]
    Calendar {
        /// The pass.
        pass: PassId,
        /// Why not.
        #[source]
        source: UnknownTimeZone,
    },
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aggregated {
    /// Passes that were rolled up.
    pub passes: u64,
    /// Dirty hours that they were rolled up from.
    pub hours: u64,
    /// Times that another was quicker.
    pub stale: u64,
}

/// Rolls up what was counted since it was rolled up last, of passes in `scope`. What is counted meanwhile is left to
/// the next run. May be dropped at any time.
///
/// # Errors
/// When the store fails; or, after all other passes, when a camera's time zone is unknown.
pub async fn roll_up(
    store: &(impl Rollups + ?Sized),
    scope: Scope<'_>,
) -> Result<Aggregated, AggregateError> {
    let mut done = Aggregated::default();
    let mut refusals: BTreeMap<PassId, u32> = BTreeMap::new();
    let mut seen: BTreeSet<PassId> = BTreeSet::new();
    let mut trouble = None;
    let mut due = store.dirty(scope, HOURS).await?;
    while !due.is_empty() {
        let mut again = Vec::new();
        for dirty in due {
            let calendar = match Calendar::of(&dirty.time_zone) {
                Ok(calendar) => calendar,
                Err(source) => {
                    trouble = Some(AggregateError::Calendar { pass: dirty.pass, source });
                    continue;
                }
            };
            let rollups = rollups(store, &dirty, &calendar).await?;
            match store.store_rollups(&dirty, &rollups).await? {
                RolledUp::Now => {
                    done.hours += dirty.hours.len() as u64;
                    metrics::counter!("camcount_rolled_up_hours_total").increment(dirty.hours.len() as u64);
                    if dirty.hours.len() == HOURS as usize {
                        again.push(dirty.pass.clone());
                    }
                    seen.insert(dirty.pass);
                }
                RolledUp::Stale => {
                    done.stale += 1;
                    let refused = refusals.entry(dirty.pass.clone()).or_default();
                    *refused += 1;
                    if *refused < REFUSALS {
                        again.push(dirty.pass);
                    }
                }
            }
        }
        if again.is_empty() {
            break;
        }
        due = store.dirty(Scope::Passes(&again), HOURS).await?;
    }
    done.passes = seen.len() as u64;
    tracing::debug!(passes = done.passes, hours = done.hours, stale = done.stale, "rolled up");
    trouble.map_or(Ok(done), Err)
}

/// The roll-ups that the dirty hours have a part in, as they should be.
async fn rollups(
    store: &(impl Rollups + ?Sized),
    dirty: &Dirty,
    calendar: &Calendar,
) -> Result<Vec<(Granularity, Sums)>, StoreError> {
    let pass = &dirty.pass;
    // An hour of UTC may touch two of the camera's, and they are made anew as a whole.
    let touched = dirty.hours.iter().flat_map(|(start, _)| {
        let hour = MediaSpan { start: *start, end: start.plus_us(DIRTY_US) };
        calendar.periods(Granularity::Hour, hour)
    });
    let touched = Periods::of(touched);
    let (mut minutes, mut hours) = (Sums::default(), Sums::default());
    for span in touched.runs() {
        let buckets = store.bucket_sums(pass, span).await?;
        let narrow = fold(&buckets, Granularity::Minute, calendar);
        extend(&mut hours, fold(&narrow, Granularity::Hour, calendar));
        extend(&mut minutes, narrow);
    }
    let days = wider(store, pass, calendar, (Granularity::Hour, &hours), &touched, Granularity::Day).await?;
    let of_days = touched.wider(Granularity::Day, calendar);
    let mut all = Vec::with_capacity(Granularity::ALL.len());
    for granularity in [Granularity::Week, Granularity::Month] {
        all.push((
            granularity,
            wider(store, pass, calendar, (Granularity::Day, &days), &of_days, granularity).await?,
        ));
    }
    all.extend([(Granularity::Minute, minutes), (Granularity::Hour, hours), (Granularity::Day, days)]);
    Ok(all)
}

/// Wide periods from narrow ones: those in `renewed` as they are in `narrow`, and the others as they are stored.
async fn wider(
    store: &(impl Rollups + ?Sized),
    pass: &PassId,
    calendar: &Calendar,
    (granularity, narrow): (Granularity, &Sums),
    renewed: &Periods,
    to: Granularity,
) -> Result<Sums, StoreError> {
    let mut wide = Sums::default();
    for (start, end) in renewed.wider(to, calendar).0 {
        let span = MediaSpan { start, end };
        let mut parts = store.rollups(pass, granularity, span).await?;
        let stays = |start: MediaTime| !renewed.0.contains_key(&start);
        parts.lines.retain(|row| stays(row.start));
        parts.zones.retain(|row| stays(row.start));
        parts.coverage.retain(|row| stays(row.start));
        parts.lines.extend(narrow.lines.iter().filter(|row| span.contains(row.start)).cloned());
        parts.zones.extend(narrow.zones.iter().filter(|row| span.contains(row.start)).cloned());
        parts.coverage.extend(narrow.coverage.iter().filter(|row| span.contains(row.start)));
        extend(&mut wide, fold(&parts, to, calendar));
    }
    Ok(wide)
}

fn extend(sums: &mut Sums, more: Sums) {
    sums.lines.extend(more.lines);
    sums.zones.extend(more.zones);
    sums.coverage.extend(more.coverage);
}

/// Periods of one width: their starts and ends.
struct Periods(BTreeMap<MediaTime, MediaTime>);

impl Periods {
    fn of(spans: impl Iterator<Item = MediaSpan>) -> Self {
        Self(spans.map(|span| (span.start, span.end)).collect())
    }

    /// The wide periods that these lie in.
    fn wider(&self, to: Granularity, calendar: &Calendar) -> Self {
        Self::of(self.0.keys().filter_map(|start| calendar.period(to, *start)))
    }

    /// Spans without holes.
    fn runs(&self) -> Vec<MediaSpan> {
        let mut runs: Vec<MediaSpan> = Vec::new();
        for (&start, &end) in &self.0 {
            match runs.last_mut().filter(|run| run.end == start) {
                Some(run) => run.end = end,
                None => runs.push(MediaSpan { start, end }),
            }
        }
        runs
    }
}
