//! Months of media time as partitions: opening them, moving rows in that came before, and letting them go.
//!
//! A month is open in all tables or in none. Rows of a month that is not open are stored aside, in `…_unplaced`,
//! and `unplaced` says of which pass and month there are any. While there are, all rows of that pass and month go
//! there, whether the month has been opened since or not, so that a bucket is never in two places. Moving them in
//! holds the pass's row, as commits do; nobody else waits. So a commit may hold an old notion of what is open: its
//! rows then lie aside until the next round, and are read all the same.
//!
//! Every step is one transaction, except detaching, whose progress PostgreSQL's catalog tells. So any of them can
//! be killed, and doing it again goes on from there.

use std::{collections::BTreeSet, fmt};

use camcount_domain::{MediaSpan, MediaTime};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, postgres::PgDatabaseError};

use super::{Month, Postgres};
use crate::StoreError;

/// The partitioned tables, each with the media time that decides the month.
const TABLES: [(&str, &str); 9] = [
    ("crossings", "media_us"),
    ("visits", "entered_us"),
    ("line_buckets", "start_us"),
    ("zone_buckets", "start_us"),
    ("coverage", "start_us"),
    ("frame_metadata", "media_us"),
    ("line_rollups", "start_us"),
    ("zone_rollups", "start_us"),
    ("coverage_rollups", "start_us"),
];

/// How long a change of partitions waits for a lock, since others queue behind it, and how often it tries: half a
/// minute in all.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";
const ATTEMPTS: u32 = 15;

/// What has become of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthState {
    /// Not opened; rows of it lie aside.
    Missing,
    /// Takes rows.
    Open,
    /// On its way out.
    Detaching,
    /// Its tables stand alone, to be dropped.
    Detached,
    /// Its tables are dropped.
    Released,
}

impl MonthState {
    fn of(text: &str) -> Result<Self, StoreError> {
        match text {
            "missing" => Ok(Self::Missing),
            "open" => Ok(Self::Open),
            "detaching" => Ok(Self::Detaching),
            "detached" => Ok(Self::Detached),
            "released" => Ok(Self::Released),
            _ => Err(StoreError::Corrupt { what: "month" }),
        }
    }
}

impl fmt::Display for MonthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::Open => "open",
            Self::Detaching => "detaching",
            Self::Detached => "detached",
            Self::Released => "released",
        })
    }
}

/// A month as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthStatus {
    /// The month.
    pub month: Month,
    /// What has become of it.
    pub state: MonthState,
    /// What its tables and their indexes take on disk, in bytes.
    pub bytes: u64,
    /// Passes of which rows lie aside.
    pub passes_aside: u64,
    /// The last thing that was done to it and when (RFC 3339, wall time), if anything was.
    pub last_step: Option<String>,
}

impl Postgres {
    /// The months that there are, and those of which rows lie aside, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn months(&self) -> Result<Vec<MonthStatus>, StoreError> {
        let rows: Vec<(i64, String, i64, i64, Option<String>)> = sqlx::query_as(
            "SELECT m.start_us, m.state,
                    (SELECT coalesce(sum(pg_total_relation_size(to_regclass(
                         t || to_char(to_timestamp(m.start_us / 1e6) AT TIME ZONE 'UTC', '_YYYY_MM')))), 0)::bigint
                     FROM unnest($1) t),
                    (SELECT count(*) FROM unplaced u WHERE u.month_us = m.start_us),
                    (SELECT concat_ws(' ', step, relation,
                                      to_char(done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))
                     FROM partition_log l WHERE l.month_us = m.start_us ORDER BY id DESC LIMIT 1)
             FROM (SELECT start_us, state FROM months UNION ALL
                   SELECT DISTINCT month_us, 'missing' FROM unplaced u
                   WHERE NOT EXISTS (SELECT FROM months WHERE start_us = u.month_us)) m
             ORDER BY m.start_us",
        )
        .bind(TABLES.map(|(table, _)| table))
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("list partitions"))?;
        rows.into_iter()
            .map(|(start_us, state, bytes, passes_aside, last_step)| {
                Ok(MonthStatus {
                    month: month(start_us)?,
                    state: MonthState::of(&state)?,
                    bytes: bytes.unsigned_abs(),
                    passes_aside: passes_aside.unsigned_abs(),
                    last_step,
                })
            })
            .collect()
    }

    /// The months that are to be opened, or that rows are to be moved into: this one by the database's clock, `ahead`
    /// more and those of all recordings, unless they have been opened before, and those of which rows lie aside,
    /// unless they are on their way out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn months_wanted(&self, ahead: u32) -> Result<BTreeSet<Month>, StoreError> {
        let failed = self.failed("find the months that are wanted");
        let this_month = self.this_month().await?;
        let mut wanted = BTreeSet::new();
        let recordings = sqlx::query_as("SELECT start_us, end_us FROM recordings").fetch(&self.readers);
        let mut recordings = recordings.map_err(&failed);
        while let Some((start, end)) = recordings.try_next().await? {
            wanted.extend(Month::touched(MediaSpan { start: MediaTime(start), end: MediaTime(end) }));
        }
        let from_now = std::iter::successors(Some(this_month), |month| month.next());
        wanted.extend(from_now.take(ahead as usize + 1));
        for MonthStatus { month, state, passes_aside, .. } in self.months().await? {
            if passes_aside == 0 || matches!(state, MonthState::Detaching | MonthState::Detached) {
                wanted.remove(&month);
            } else {
                wanted.insert(month);
            }
        }
        Ok(wanted)
    }

    /// How many months after this one, by the database's clock, are open without a hole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn months_ahead(&self) -> Result<u32, StoreError> {
        let this_month = self.this_month().await?;
        let months = self.months().await?;
        let open: BTreeSet<Month> = months
            .into_iter()
            .filter(|status| status.state == MonthState::Open)
            .map(|status| status.month)
            .collect();
        let ahead = std::iter::successors(this_month.next(), |month| month.next());
        Ok(ahead.take_while(|month| open.contains(month)).map(|_| 1).sum())
    }

    /// The open months before the `keep` that come before this one, by the database's clock; without those of which
    /// something waits to be rolled up, for a week's or a month's sum needs all of its days.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn months_outlived(&self, keep: u32) -> Result<Vec<Month>, StoreError> {
        let first_kept = self.this_month().await?.before(keep);
        let dirty_us: Option<i64> = sqlx::query_scalar("SELECT min(hour_us) FROM dirty_hours")
            .fetch_one(&self.verbs)
            .await
            .map_err(self.failed("find dirty hours"))?;
        /// Weeks and months of any calendar that begin in a month end at most so long after it.
        const REACH_US: i64 = 33 * 24 * 3_600_000_000;
        let clean = |month: Month| dirty_us.is_none_or(|hour| month.span().end.plus_us(REACH_US).0 <= hour);
        let months = self.months().await?.into_iter();
        Ok(months
            .filter(|status| status.state == MonthState::Open && status.month < first_kept)
            .map(|status| status.month)
            .filter(|month| clean(*month))
            .collect())
    }

    async fn this_month(&self) -> Result<Month, StoreError> {
        let now_us = sqlx::query_scalar("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
            .fetch_one(&self.verbs)
            .await
            .map_err(self.failed("read the clock"))?;
        month(now_us)
    }

    /// Opens a month and moves in the rows of it that lie aside. Returns whether it was not open before.
    ///
    /// # Errors
    /// [`StoreError::MonthLeaves`] when it is on its way out, or when the database fails.
    pub async fn open_month(&self, month: Month) -> Result<bool, StoreError> {
        let opened = self.persistently(|| self.try_open(month)).await?;
        let aside: Vec<String> =
            sqlx::query_scalar("SELECT pass FROM unplaced WHERE month_us = $1 ORDER BY pass")
                .bind(month.span().start.0)
                .fetch_all(&self.verbs)
                .await
                .map_err(self.failed("find rows that lie aside"))?;
        for pass in aside {
            self.persistently(|| self.try_place(month, &pass)).await?;
        }
        Ok(opened)
    }

    async fn try_open(&self, month: Month) -> Result<bool, StoreError> {
        let failed = self.failed("open a month");
        let MediaSpan { start, end } = month.span();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        tx.execute(LOCK_TIMEOUT).await.map_err(&failed)?;
        let new = sqlx::query(
            "INSERT INTO months (start_us, end_us, state) VALUES ($1, $2, 'open')
             ON CONFLICT (start_us) DO UPDATE SET state = 'open' WHERE months.state = 'released'",
        )
        .bind(start.0)
        .bind(end.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if new.rows_affected() == 0 {
            drop(tx);
            return match self.state_of(month).await? {
                Some(MonthState::Open) => Ok(false),
                _ => Err(StoreError::MonthLeaves { month }),
            };
        }
        for (table, time) in TABLES {
            let partition = format!("{table}_{}", month.suffix());
            // Ready before it is attached, so that attaching has nothing to look through and blocks nobody; the
            // check says so, and the partition's bounds take its place.
            let ddl = format!(
                "CREATE TABLE {partition} (LIKE {table} INCLUDING ALL,
                     CONSTRAINT of_month CHECK ({time} >= {start} AND {time} < {end}));
                 ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end});
                 ALTER TABLE {partition} DROP CONSTRAINT of_month;",
                start = start.0,
                end = end.0,
            );
            tx.execute(AssertSqlSafe(ddl)).await.map_err(&failed)?;
        }
        log(&mut tx, month, "opened", None).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(true)
    }

    /// Moves a pass's rows of an open month to where they belong.
    async fn try_place(&self, month: Month, pass: &str) -> Result<(), StoreError> {
        let failed = self.failed("move rows into their month");
        let MediaSpan { start, end } = month.span();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        tx.execute(LOCK_TIMEOUT).await.map_err(&failed)?;
        // A month of frames takes its time.
        tx.execute("SET LOCAL statement_timeout = 0").await.map_err(&failed)?;
        // No commit of this pass meanwhile, and the month stays as it is.
        sqlx::query("SELECT FROM passes WHERE id = $1 FOR NO KEY UPDATE")
            .bind(pass)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        let open = sqlx::query("SELECT FROM months WHERE start_us = $1 AND state = 'open' FOR SHARE")
            .bind(start.0)
            .fetch_optional(&mut *tx)
            .await
            .map_err(&failed)?;
        if open.is_none() {
            return Err(StoreError::MonthLeaves { month });
        }
        for (table, time) in TABLES {
            sqlx::query(AssertSqlSafe(format!(
                "WITH moved AS (DELETE FROM {table}_unplaced
                                WHERE pass = $1 AND {time} >= $2 AND {time} < $3 RETURNING *)
                 INSERT INTO {table} SELECT * FROM moved"
            )))
            .bind(pass)
            .bind(start.0)
            .bind(end.0)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        }
        sqlx::query("DELETE FROM unplaced WHERE pass = $1 AND month_us = $2")
            .bind(pass)
            .bind(start.0)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        log(&mut tx, month, "placed", None).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Takes an open month out of the tables; its own tables stay, each by itself. Readers and writers go on
    /// meanwhile; rows that come later lie aside.
    ///
    /// # Errors
    /// [`StoreError::MonthNotOpen`], or when the database fails, also because a reader holds on for too long: do it
    /// again then.
    pub async fn detach_month(&self, month: Month) -> Result<(), StoreError> {
        let failed = self.failed("detach a month");
        match self.state_of(month).await? {
            Some(MonthState::Open) => self.step(month, "open", "detaching").await?,
            Some(MonthState::Detaching) => {}
            Some(MonthState::Detached) => return Ok(()),
            _ => return Err(StoreError::MonthNotOpen { month }),
        }
        // A connection of its own: detaching concurrently is not to be had in a transaction, and a setting of the
        // session must not find its way back into the pool.
        let options = self.readers.connect_options();
        let options = options.as_ref().clone().options([("lock_timeout", "2s")]);
        let mut connection = options.connect().await.map_err(&failed)?;
        for (table, _) in TABLES {
            let partition = format!("{table}_{}", month.suffix());
            let mut attempts = 0;
            loop {
                match detach(&mut connection, table, &partition).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) if is_lock_timeout(&error) && attempts < ATTEMPTS => attempts += 1,
                    Err(error) => return Err(failed(error)),
                }
            }
            log_detached(&mut connection, month, &partition).await.map_err(&failed)?;
        }
        self.step(month, "detaching", "detached").await
    }

    /// Drops the tables of a detached month, for good, if its archive was read back and verified.
    ///
    /// # Errors
    /// [`StoreError::MonthNotDetached`], [`StoreError::MonthNotArchived`], or when the database fails.
    pub async fn release_month(&self, month: Month) -> Result<(), StoreError> {
        match self.state_of(month).await? {
            Some(MonthState::Released) => return Ok(()),
            Some(MonthState::Detached) => {}
            _ => return Err(StoreError::MonthNotDetached { month }),
        }
        let archived: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM partition_log WHERE month_us = $1 AND step = 'archived'
               AND id > (SELECT max(id) FROM partition_log WHERE month_us = $1 AND step = 'detached'))",
        )
        .bind(month.span().start.0)
        .fetch_one(&self.verbs)
        .await
        .map_err(self.failed("look for a month's archive"))?;
        if !archived {
            return Err(StoreError::MonthNotArchived { month });
        }
        self.persistently(|| self.step(month, "detached", "released")).await
    }

    /// One step of a month's way out, if it is still where it was.
    async fn step(&self, month: Month, from: &str, to: &str) -> Result<(), StoreError> {
        let failed = self.failed("move a month on");
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        tx.execute(LOCK_TIMEOUT).await.map_err(&failed)?;
        let moved = sqlx::query("UPDATE months SET state = $3 WHERE start_us = $1 AND state = $2")
            .bind(month.span().start.0)
            .bind(from)
            .bind(to)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        if moved.rows_affected() == 0 {
            return Ok(());
        }
        if to == "released" {
            for (table, _) in TABLES {
                let ddl = format!("DROP TABLE {table}_{}", month.suffix());
                tx.execute(AssertSqlSafe(ddl)).await.map_err(&failed)?;
            }
        }
        log(&mut tx, month, to, None).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    async fn state_of(&self, month: Month) -> Result<Option<MonthState>, StoreError> {
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM months WHERE start_us = $1")
            .bind(month.span().start.0)
            .fetch_optional(&self.verbs)
            .await
            .map_err(self.failed("look up a month"))?;
        state.map(|state| MonthState::of(&state)).transpose()
    }

    /// Tries again while others hold on to what a step needs. Between two tries they get their turn.
    async fn persistently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        for _ in 1..ATTEMPTS {
            match attempt().await {
                Err(StoreError::Database { source, .. }) if is_lock_timeout(&source) => {
                    tracing::info!(place = %self.place, "waits for a lock on a partitioned table");
                }
                done => return done,
            }
        }
        attempt().await
    }
}

/// Takes the next step of detaching a partition; whether there was one.
async fn detach(connection: &mut PgConnection, table: &str, partition: &str) -> Result<bool, sqlx::Error> {
    let pending: Option<bool> = sqlx::query_scalar(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = to_regclass($2)",
    )
    .bind(partition)
    .bind(table)
    .fetch_optional(&mut *connection)
    .await?;
    let how = match pending {
        None => return Ok(false),
        Some(true) => "FINALIZE",
        Some(false) => "CONCURRENTLY",
    };
    tracing::info!(partition, how, "detaching");
    let ddl = format!("ALTER TABLE {table} DETACH PARTITION {partition} {how}");
    connection.execute(AssertSqlSafe(ddl)).await?;
    Ok(true)
}

async fn log(
    connection: &mut PgConnection,
    month: Month,
    step: &str,
    relation: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO partition_log (month_us, step, relation) VALUES ($1, $2, $3)")
        .bind(month.span().start.0)
        .bind(step)
        .bind(relation)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a partition stands alone, unless that was noted since the month began to leave.
async fn log_detached(
    connection: &mut PgConnection,
    month: Month,
    partition: &str,
) -> Result<(), sqlx::Error> {
    let noted: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM partition_log
             WHERE month_us = $1 AND step = 'detached' AND relation = $2
               AND id > (SELECT max(id) FROM partition_log WHERE month_us = $1 AND step = 'detaching'))",
    )
    .bind(month.span().start.0)
    .bind(partition)
    .fetch_one(&mut *connection)
    .await?;
    if noted { Ok(()) } else { log(connection, month, "detached", Some(partition)).await }
}

fn month(start_us: i64) -> Result<Month, StoreError> {
    Month::of(MediaTime(start_us)).ok_or(StoreError::Corrupt { what: "month" })
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.try_downcast_ref::<PgDatabaseError>().is_some_and(|error| error.code() == "55P03")
}
