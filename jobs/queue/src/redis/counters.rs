//! Counters in Redis: what each pass has counted in a day, for whoever wants it at once and often.
//!
//! They are a copy and no more. A hash a pass and day, `{NAME:counts:PASS}:DAY`, says with `next` which segment is to be
//! added; any other changes nothing, so that each is added once, however often and by whomever it is told. When segments
//! were not told, or Redis has lost the hash, whoever notices puts there what the store has.
//!
//! | field | what |
//! |---|---|
//! | `next` | the segment that is added next |
//! | `counted_to_us` | media time up to which is counted |
//! | `["in","LINE","CLASS"]`, `["out","LINE","CLASS"]` | crossings |
//! | `["inside","ZONE"]` | objects inside in the last frame; empty where that is not known |
//! | `observed_us`, `gap_us` | coverage |

use std::{collections::HashMap, error::Error, time::Duration};

use camcount_domain::{
    InOut, LiveCounts, MediaSpan, MediaTime, PassId, SegmentCounted, Seq, Taken, ZoneInside,
};
use redis::{AsyncCommands, RedisError, Script, aio::ConnectionManager};

use super::Connected;
use crate::ConnectError;

/// How long a day is kept after it was changed last: until nobody calls it today any more, wherever on earth.
const KEPT: Duration = Duration::from_secs(2 * 24 * 3600);

/// Counts of days in Redis.
#[derive(Clone)]
pub struct Counters {
    connection: ConnectionManager,
    broker: String,
    name: String,
    count: Script,
    put: Script,
}

/// Redis did not answer, or holds something else.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} counters; check that {broker} is up and can be reached")]
pub struct CountersError {
    /// What was asked, as a verb.
    action: &'static str,
    /// Who did not answer, and where.
    broker: String,
    /// What it said.
    source: Box<dyn Error + Send + Sync>,
}

/// A day of a camera's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its name, which no other day and no other calendar's day of another beginning has.
    pub name: String,
    /// From midnight to midnight.
    pub span: MediaSpan,
}

impl Counters {
    /// The counters in the Redis at `url`, for all who say the same `name`. Connects when they are used first, and again
    /// whenever the connection is lost.
    ///
    /// # Errors
    /// When the address cannot be read or is no Redis.
    pub fn at(url: &str, name: &str) -> Result<Self, ConnectError> {
        let Connected { connection, broker, .. } = Connected::later_at(url, name, "counters are in Redis")?;
        let count = Script::new(include_str!("count.lua"));
        let put = Script::new(include_str!("put_counts.lua"));
        Ok(Self { connection, broker, name: name.to_owned(), count, put })
    }

    fn key(&self, pass: &PassId, day: &Day) -> String {
        format!("{{{}:counts:{pass}}}:{}", self.name, day.name)
    }

    fn failed(&self, action: &'static str) -> impl Fn(RedisError) -> CountersError {
        move |error| CountersError { action, broker: self.broker.clone(), source: error.into() }
    }

    /// Adds what a segment has in `day`, if it is the next one; [`Taken::Ahead`] also where nothing is there yet.
    ///
    /// # Errors
    /// [`CountersError`], within seconds.
    pub async fn add(&self, counted: &SegmentCounted, day: &Day) -> Result<Taken, CountersError> {
        let more = LiveCounts::of(counted, day.span);
        let increments = increments(&more);
        let mut script = self.count.key(self.key(&counted.pass, day));
        script.arg(counted.seq.0).arg(KEPT.as_secs()).arg(increments.len());
        for (field, by) in increments {
            script.arg(field).arg(by);
        }
        for (field, value) in standing(&more) {
            script.arg(field).arg(value);
        }
        let taken = script.invoke_async(&mut self.connection.clone()).await;
        Ok(match taken.map_err(self.failed("add to"))? {
            0 => Taken::Now,
            -1 => Taken::Before,
            _ => Taken::Ahead,
        })
    }

    /// Puts the counts of `day` there, unless there are later ones.
    ///
    /// # Errors
    /// [`CountersError`], within seconds.
    pub async fn put(&self, pass: &PassId, day: &Day, counts: &LiveCounts) -> Result<(), CountersError> {
        let mut script = self.put.key(self.key(pass, day));
        script.arg(counts.next.0).arg(KEPT.as_secs());
        for (field, value) in increments(counts) {
            script.arg(field).arg(value);
        }
        for (field, value) in standing(counts) {
            script.arg(field).arg(value);
        }
        let put = script.invoke_async(&mut self.connection.clone()).await;
        put.map_err(self.failed("put"))
    }

    /// The counts of `day`; `None` where there are none, or somebody else has written there.
    ///
    /// # Errors
    /// [`CountersError`], within seconds.
    pub async fn read(&self, pass: &PassId, day: &Day) -> Result<Option<LiveCounts>, CountersError> {
        let fields: HashMap<String, String> =
            self.connection.clone().hgetall(self.key(pass, day)).await.map_err(self.failed("read"))?;
        Ok(counts(&fields))
    }
}

/// What adds up.
fn increments(counts: &LiveCounts) -> Vec<(String, i64)> {
    let mut fields =
        vec![("observed_us".to_owned(), counts.observed_us), ("gap_us".to_owned(), counts.gap_us)];
    for ((line, class), InOut { count_in, count_out }) in &counts.lines {
        for (word, count) in [("in", count_in), ("out", count_out)] {
            fields.push((field(&[word, line, class]), *count));
        }
    }
    fields
}

/// What takes the place of what was there.
fn standing(counts: &LiveCounts) -> Vec<(String, String)> {
    let mut fields = vec![("next".to_owned(), counts.next.0.to_string())];
    fields.extend(counts.counted_to.map(|time| ("counted_to_us".to_owned(), time.0.to_string())));
    for ZoneInside { zone, inside } in &counts.zones {
        let inside = inside.map(|inside| inside.to_string()).unwrap_or_default();
        fields.push((field(&["inside", zone]), inside));
    }
    fields
}

/// Names may be any text, and so are written as JSON.
fn field(words: &[&str]) -> String {
    // Texts can always be written.
    serde_json::to_string(words).unwrap_or_default()
}

fn counts(fields: &HashMap<String, String>) -> Option<LiveCounts> {
    let number = |name: &str| fields.get(name)?.parse::<i64>().ok();
    let mut counts = LiveCounts::before(Seq(number("next")?));
    counts.counted_to = number("counted_to_us").map(MediaTime);
    (counts.observed_us, counts.gap_us) = (number("observed_us")?, number("gap_us")?);
    for (name, value) in fields.iter().filter(|(name, _)| name.starts_with('[')) {
        let words: Vec<String> = serde_json::from_str(name).ok()?;
        match &words[..] {
            [word, line, class] if word == "in" || word == "out" => {
                let of = counts.lines.entry((line.clone(), class.clone())).or_default();
                *if word == "in" { &mut of.count_in } else { &mut of.count_out } = value.parse().ok()?;
            }
            [word, zone] if word == "inside" => {
                counts.zones.push(ZoneInside { zone: zone.clone(), inside: value.parse().ok() });
            }
            _ => return None,
        }
    }
    counts.zones.sort_by(|one, other| one.zone.cmp(&other.zone));
    Some(counts)
}
