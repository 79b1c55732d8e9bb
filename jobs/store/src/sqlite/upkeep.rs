//! When upkeep was due last.

use async_trait::async_trait;
use camcount_domain::WallTime;

use super::Sqlite;
use crate::{StoreError, UpkeepTimes};

#[async_trait]
impl UpkeepTimes for Sqlite {
    async fn last_due(&self, kind: &str) -> Result<Option<WallTime>, StoreError> {
        let due_us = sqlx::query_scalar("SELECT due_us FROM upkeep WHERE kind = ?")
            .bind(kind)
            .fetch_optional(&self.reader)
            .await
            .map_err(self.failed("look up when upkeep was due"))?;
        Ok(due_us.map(WallTime))
    }

    async fn note_due(&self, kind: &str, due: WallTime) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO upkeep (kind, due_us) VALUES (?, ?) ON CONFLICT DO UPDATE SET due_us = excluded.due_us",
        )
        .bind(kind)
        .bind(due.0)
        .execute(&self.writer)
        .await
        .map_err(self.failed("note when upkeep was due"))?;
        Ok(())
    }
}
