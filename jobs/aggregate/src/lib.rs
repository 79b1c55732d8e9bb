//! Rolling counts up: minutes, hours, days, weeks and months of each camera's own calendar, from what has changed,
//! and reading them beside the period before.
//!
//! [`fold()`] adds up, [`roll_up`] is the job that takes what is dirty, [`series()`] is how roll-ups are read. What is
//! rolled up follows from the stored buckets alone, so doing it twice, at once or a day later, changes nothing.

mod calendar;
mod fold;
mod job;
mod series;

pub use calendar::{Calendar, UnknownTimeZone};
pub use fold::fold;
pub use job::{AggregateError, Aggregated, roll_up};
pub use series::{LineCount, PeriodCounts, Trend, ZoneCount, read, series};
