//! Where rows of a pass go: those of open months into the tables with months, the others aside. For transactions
//! that hold the pass's row; see `partitions.rs`.

use std::collections::BTreeSet;

use camcount_domain::{MediaSpan, MediaTime, PassId};
use serde::Serialize;
use sqlx::PgConnection;

use super::Month;

/// A statement for the table with months, and for the one with unplaced rows.
macro_rules! into {
    ($verb:literal, $table:literal, $rest:literal) => {
        [concat!($verb, $table, $rest), concat!($verb, $table, "_unplaced", $rest)]
    };
}
pub(super) use into;

/// The months that take a pass's rows.
pub(super) struct Open(Vec<MediaSpan>);

impl Open {
    /// Those for rows of these times. Notes for which months there will be rows aside. `None` without rows.
    pub(super) async fn to<T: Iterator<Item = MediaTime>>(
        tx: &mut PgConnection,
        pass: &PassId,
        times: impl Fn() -> T,
    ) -> Result<Option<Self>, sqlx::Error> {
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(None) };
        let open = Self::between(tx, pass, first, last).await?;
        let aside: BTreeSet<_> = times().filter(|time| !open.holds(*time)).filter_map(Month::of).collect();
        if !aside.is_empty() {
            sqlx::query("INSERT INTO unplaced (pass, month_us) SELECT $1, unnest($2) ON CONFLICT DO NOTHING")
                .bind(&pass.0)
                .bind(aside.iter().map(|month| month.span().start.0).collect::<Vec<_>>())
                .execute(&mut *tx)
                .await?;
        }
        Ok(Some(open))
    }

    /// Those open between `first` and `last`, without those of which rows of the pass lie aside: the others must
    /// join these, or a bucket might come to be in two places.
    async fn between(
        tx: &mut PgConnection,
        pass: &PassId,
        first: MediaTime,
        last: MediaTime,
    ) -> Result<Self, sqlx::Error> {
        let months: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT start_us, end_us FROM months m
             WHERE state = 'open' AND start_us <= $3 AND end_us > $2
               AND NOT EXISTS (SELECT FROM unplaced WHERE pass = $1 AND month_us = m.start_us)",
        )
        .bind(&pass.0)
        .bind(first.0)
        .bind(last.0)
        .fetch_all(tx)
        .await?;
        let span = |(start, end)| MediaSpan { start: MediaTime(start), end: MediaTime(end) };
        Ok(Self(months.into_iter().map(span).collect()))
    }

    pub(super) fn holds(&self, time: MediaTime) -> bool {
        self.0.iter().any(|month| month.contains(time))
    }
}

/// Where rows of one transaction go.
pub(super) struct Places<'a, A> {
    pub(super) tx: &'a mut PgConnection,
    pub(super) pass: &'a PassId,
    /// What all of the rows have in common beside the pass.
    pub(super) about: A,
    pub(super) open: &'a Open,
}

impl<A> Places<'_, A>
where
    A: Copy + Send + for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    /// Rows travel as one JSON text per table: one statement each, however many rows.
    pub(super) async fn insert<T: Serialize>(
        &mut self,
        statements: [&'static str; 2],
        rows: &[T],
        time: fn(&T) -> MediaTime,
    ) -> Result<(), sqlx::Error> {
        let (inside, outside): (Vec<_>, Vec<_>) = rows.iter().partition(|row| self.open.holds(time(row)));
        for (statement, rows) in statements.into_iter().zip([inside, outside]) {
            if rows.is_empty() {
                continue;
            }
            let json = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
            sqlx::query(statement)
                .bind(&self.pass.0)
                .bind(self.about)
                .bind(json)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}
