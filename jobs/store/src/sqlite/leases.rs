//! Leases by beats.

use std::time::Duration;

use async_trait::async_trait;

use super::Sqlite;
use crate::{HeldLease, Leases, StoreError};

#[async_trait]
impl Leases for Sqlite {
    async fn leases(&self, prefix: &str) -> Result<Vec<HeldLease>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT name, holder, beat, CAST(unixepoch('subsec') * 1000 AS INTEGER) - renewed_ms FROM leases WHERE substr(name, 1, length($1)) = $1 ORDER BY name",
        )
        .bind(prefix)
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list leases"))?;
        let held = |(name, holder, beat, idle_ms): (String, String, i64, i64)| HeldLease {
            name,
            holder,
            beat,
            idle: Duration::from_millis(u64::try_from(idle_ms).unwrap_or_default()),
        };
        Ok(rows.into_iter().map(held).collect())
    }

    async fn take_lease(&self, name: &str, holder: &str, seen: Option<i64>) -> Result<bool, StoreError> {
        let taken = match seen {
            None => sqlx::query(
                "INSERT INTO leases (name, holder, beat, renewed_ms)
                 VALUES ($1, $2, 1, CAST(unixepoch('subsec') * 1000 AS INTEGER)) ON CONFLICT DO NOTHING",
            ),
            Some(_) => sqlx::query(
                "UPDATE leases SET holder = $2, beat = beat + 1, renewed_ms = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE name = $1 AND beat = $3",
            ),
        };
        let taken = taken.bind(name).bind(holder);
        let taken = if let Some(beat) = seen { taken.bind(beat) } else { taken };
        let taken = taken.execute(&self.writer).await.map_err(self.failed("take a lease"))?;
        Ok(taken.rows_affected() > 0)
    }

    async fn renew_leases(&self, prefix: &str, holder: &str) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = sqlx::query_scalar(
            "UPDATE leases SET beat = beat + 1, renewed_ms = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE substr(name, 1, length($1)) = $1 AND holder = $2 RETURNING name",
        )
        .bind(prefix)
        .bind(holder)
        .fetch_all(&self.writer)
        .await
        .map_err(self.failed("renew leases"))?;
        names.sort_unstable();
        Ok(names)
    }

    async fn forget_leases(&self, prefix: &str, idle: Duration) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM leases WHERE substr(name, 1, length($1)) = $1
                AND CAST(unixepoch('subsec') * 1000 AS INTEGER) - renewed_ms > $2",
        )
        .bind(prefix)
        .bind(i64::try_from(idle.as_millis()).unwrap_or(i64::MAX))
        .execute(&self.writer)
        .await
        .map_err(self.failed("forget leases"))?;
        Ok(())
    }

    async fn drop_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
            .bind(name)
            .bind(holder)
            .execute(&self.writer)
            .await
            .map_err(self.failed("give a lease back"))?;
        Ok(())
    }
}
