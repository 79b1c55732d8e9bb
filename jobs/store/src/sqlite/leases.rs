//! Leases by beats.

use async_trait::async_trait;

use super::Sqlite;
use crate::{HeldLease, Leases, StoreError};

#[async_trait]
impl Leases for Sqlite {
    async fn leases(&self, prefix: &str) -> Result<Vec<HeldLease>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT name, holder, beat FROM leases WHERE substr(name, 1, length($1)) = $1 ORDER BY name",
        )
        .bind(prefix)
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list leases"))?;
        Ok(rows.into_iter().map(|(name, holder, beat)| HeldLease { name, holder, beat }).collect())
    }

    async fn take_lease(&self, name: &str, holder: &str, seen: Option<i64>) -> Result<bool, StoreError> {
        let taken = match seen {
            None => sqlx::query(
                "INSERT INTO leases (name, holder, beat) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING",
            ),
            Some(_) => {
                sqlx::query("UPDATE leases SET holder = $2, beat = beat + 1 WHERE name = $1 AND beat = $3")
            }
        };
        let taken = taken.bind(name).bind(holder);
        let taken = if let Some(beat) = seen { taken.bind(beat) } else { taken };
        let taken = taken.execute(&self.writer).await.map_err(self.failed("take a lease"))?;
        Ok(taken.rows_affected() > 0)
    }

    async fn renew_leases(&self, prefix: &str, holder: &str) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = sqlx::query_scalar(
            "UPDATE leases SET beat = beat + 1 WHERE substr(name, 1, length($1)) = $1 AND holder = $2 RETURNING name",
        )
        .bind(prefix)
        .bind(holder)
        .fetch_all(&self.writer)
        .await
        .map_err(self.failed("renew leases"))?;
        names.sort_unstable();
        Ok(names)
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
