//! What lanes were to have, as it changed.

use async_trait::async_trait;

use super::Postgres;
use crate::{Scaled, ScalingLog, StoreError, scaling::stored};

#[async_trait]
impl ScalingLog for Postgres {
    async fn log_scaling(&self, scaled: &Scaled) -> Result<(), StoreError> {
        let failed = self.failed("log scaling");
        let Scaled { lane, workers, waiting, running, behind_ms } = scaled;
        sqlx::query(
            "INSERT INTO scaling_log (lane, workers, waiting, running, behind_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(lane)
        .bind(i64::from(*workers))
        .bind(stored(*waiting))
        .bind(stored(*running))
        .bind(stored(*behind_ms))
        .execute(&self.verbs)
        .await
        .map_err(&failed)?;
        sqlx::query("DELETE FROM scaling_log WHERE id <= (SELECT max(id) FROM scaling_log) - 10000")
            .execute(&self.verbs)
            .await
            .map_err(&failed)?;
        Ok(())
    }

    async fn last_scaling(&self) -> Result<Vec<Scaled>, StoreError> {
        sqlx::query_as(
            "SELECT lane, workers, waiting, running, behind_ms FROM scaling_log
             WHERE id IN (SELECT max(id) FROM scaling_log GROUP BY lane) ORDER BY lane",
        )
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("read the log of scaling"))
    }
}
