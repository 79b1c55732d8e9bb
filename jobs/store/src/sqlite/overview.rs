//! How far behind passes are, and how many cameras there are.

use async_trait::async_trait;

use super::Sqlite;
use crate::{Behind, CameraTally, Overview, StoreError, rows::StoredBehind};

#[async_trait]
impl Overview for Sqlite {
    async fn behind(&self) -> Result<Vec<Behind>, StoreError> {
        // Each camera's last segment, and each pass's last counted one, by their keys.
        let rows: Vec<StoredBehind> = sqlx::query_as(
            "SELECT c.id AS camera, c.name, p.id AS pass, p.live, p.next_seq,
                    max(0, min(coalesce(p.last_seq, l.seq), l.seq) - p.next_seq + 1) AS segments,
                    l.end_us AS recorded_us,
                    (SELECT d.end_us FROM segments d WHERE d.camera = p.camera AND d.seq = p.next_seq - 1
                        AND p.next_seq > p.first_seq) AS counted_us
             FROM passes p JOIN cameras c ON c.id = p.camera
             LEFT JOIN segments l ON l.camera = p.camera
                AND l.seq = (SELECT max(s.seq) FROM segments s WHERE s.camera = p.camera)
             WHERE (p.last_seq IS NULL OR p.next_seq <= p.last_seq) ORDER BY c.name, p.camera, p.first_seq, p.id",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("look how far behind passes are"))?;
        rows.into_iter().map(Behind::try_from).collect()
    }

    async fn tally_cameras(&self) -> Result<CameraTally, StoreError> {
        let (registered, enabled): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE enabled) FROM cameras WHERE source IS NOT NULL",
        )
        .fetch_one(&self.reader)
        .await
        .map_err(self.failed("count cameras"))?;
        Ok(CameraTally { registered: registered.unsigned_abs(), enabled: enabled.unsigned_abs() })
    }
}
