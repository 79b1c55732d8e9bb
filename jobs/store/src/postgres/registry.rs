//! Registered cameras, and what they are counted by.

use async_trait::async_trait;
use camcount_domain::{
    CameraId, Detector, DetectorVersion, MediaSpan, Pass, PassId, Ruleset, RulesetVersion, Seq, WallTime,
};
use sqlx::PgConnection;

use super::{Postgres, rollups::recut};
use crate::{
    CameraEntry, CameraFilter, Lookup, PassState, Registry, StoreError,
    rows::{StoredCamera, StoredPassState},
};

/// A query for registered cameras, with what follows after `WHERE`.
macro_rules! cameras {
    ($rest:literal) => {
        concat!(
            "SELECT id::text, name, start_known, source, enabled, location, latitude, longitude, to_json(tags)::text AS tags,
                    time_zone, settings::text, last_seen_us
             FROM cameras c WHERE source IS NOT NULL AND ",
            $rest
        )
    };
}

/// The live passes of a camera end with the next segment or the one that they are at. Returns the last of these.
async fn end_live(tx: &mut PgConnection, camera: &str) -> Result<Option<i64>, sqlx::Error> {
    let ended: Vec<i64> = sqlx::query_scalar(
        "UPDATE passes SET last_seq = greatest(next_seq,
                (SELECT coalesce(max(seq), -1) + 1 FROM segments WHERE camera = $1::uuid))
         WHERE camera = $1::uuid AND live AND last_seq IS NULL RETURNING last_seq",
    )
    .bind(camera)
    .fetch_all(tx)
    .await?;
    Ok(ended.into_iter().max())
}

#[async_trait]
impl Lookup for Postgres {
    async fn camera(&self, id: CameraId) -> Result<Option<CameraEntry>, StoreError> {
        let row: Option<StoredCamera> = sqlx::query_as(cameras!("id = $1::uuid"))
            .bind(id.to_string())
            .fetch_optional(&self.verbs)
            .await
            .map_err(self.failed("look up a camera"))?;
        row.map(CameraEntry::try_from).transpose()
    }

    async fn detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError> {
        self.read_detector(version).await
    }

    async fn ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError> {
        self.read_ruleset(version).await
    }
}

#[async_trait]
impl Registry for Postgres {
    async fn enter_camera(&self, entry: &CameraEntry) -> Result<(), StoreError> {
        let failed = self.failed("enter a camera");
        let id = entry.camera.id.to_string();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        let old_zone: Option<String> =
            sqlx::query_scalar("SELECT time_zone FROM cameras WHERE id = $1::uuid FOR UPDATE")
                .bind(&id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(&failed)?;
        let entered = sqlx::query(
            "INSERT INTO cameras (id, name, start_known, source, enabled, location, latitude, longitude, tags,
                                  time_zone, settings)
             VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, ARRAY(SELECT json_array_elements_text($9::json)), $10, $11::jsonb)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, start_known = excluded.start_known,
                    source = excluded.source, enabled = excluded.enabled, location = excluded.location,
                    latitude = excluded.latitude, longitude = excluded.longitude, tags = excluded.tags,
                    time_zone = excluded.time_zone, settings = excluded.settings",
        )
        .bind(&id)
        .bind(&entry.camera.name)
        .bind(entry.camera.start_known)
        .bind(&entry.source)
        .bind(entry.enabled)
        .bind(&entry.location)
        .bind(entry.gps.map(|gps| gps.latitude))
        .bind(entry.gps.map(|gps| gps.longitude))
        .bind(serde_json::json!(entry.tags).to_string())
        .bind(&entry.time_zone)
        .bind(entry.settings.to_string())
        .execute(&mut *tx)
        .await;
        match entered {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(StoreError::NameTaken { name: entry.camera.name.clone() });
            }
            entered => entered.map(drop).map_err(&failed)?,
        }
        if old_zone.is_some_and(|zone| zone != entry.time_zone) {
            recut(&mut tx, &id).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)
    }

    async fn camera_called(&self, name: &str) -> Result<Option<CameraEntry>, StoreError> {
        let row: Option<StoredCamera> = sqlx::query_as(cameras!("name = $1"))
            .bind(name)
            .fetch_optional(&self.verbs)
            .await
            .map_err(self.failed("look up a camera by name"))?;
        row.map(CameraEntry::try_from).transpose()
    }

    async fn cameras(
        &self,
        filter: &CameraFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CameraEntry>, StoreError> {
        let rows: Vec<StoredCamera> = sqlx::query_as(cameras!(
            "name > coalesce($1, '') COLLATE \"C\"
             AND ($3::boolean IS NULL OR enabled = $3)
             AND ($4::text IS NULL OR tags @> ARRAY[$4])
             AND ($5::text IS NULL OR location = $5)
             AND ($6::text IS NULL OR EXISTS (
                    SELECT FROM passes p JOIN rulesets r ON r.version = p.ruleset
                    WHERE p.camera = c.id AND p.live AND NOT p.finished
                      AND r.content::jsonb -> 'zones' @> jsonb_build_array(jsonb_build_object('name', $6))))
             AND ($7::float8 IS NULL OR (latitude BETWEEN $7 AND $9 AND
                    CASE WHEN $8 <= $10 THEN longitude BETWEEN $8 AND $10
                         ELSE longitude >= $8 OR longitude <= $10 END))
             ORDER BY name LIMIT $2"
        ))
        .bind(after)
        .bind(i64::from(limit))
        .bind(filter.enabled)
        .bind(&filter.tag)
        .bind(&filter.location)
        .bind(&filter.zone)
        .bind(filter.within.map(|gps| gps.south))
        .bind(filter.within.map(|gps| gps.west))
        .bind(filter.within.map(|gps| gps.north))
        .bind(filter.within.map(|gps| gps.east))
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("list cameras"))?;
        rows.into_iter().map(CameraEntry::try_from).collect()
    }

    async fn forget_camera(&self, id: CameraId) -> Result<(), StoreError> {
        let failed = self.failed("remove a camera");
        let camera = id.to_string();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        sqlx::query("UPDATE cameras SET source = NULL, enabled = false WHERE id = $1::uuid")
            .bind(&camera)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        sqlx::query("DELETE FROM camera_credentials WHERE camera = $1::uuid")
            .bind(&camera)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        end_live(&mut tx, &camera).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    async fn enable_camera(&self, id: CameraId, enabled: bool) -> Result<bool, StoreError> {
        let changed =
            sqlx::query("UPDATE cameras SET enabled = $2 WHERE id = $1::uuid AND source IS NOT NULL")
                .bind(id.to_string())
                .bind(enabled)
                .execute(&self.verbs)
                .await
                .map_err(self.failed("enable or disable a camera"))?;
        Ok(changed.rows_affected() > 0)
    }

    async fn saw_camera(&self, id: CameraId, when: WallTime) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE cameras SET last_seen_us = $2 WHERE id = $1::uuid AND coalesce(last_seen_us < $2, true)",
        )
        .bind(id.to_string())
        .bind(when.0)
        .execute(&self.verbs)
        .await
        .map_err(self.failed("note when a camera was seen"))?;
        Ok(())
    }

    async fn keep_credentials(&self, id: CameraId, sealed: Option<&[u8]>) -> Result<(), StoreError> {
        let query = match sealed {
            None => {
                sqlx::query("DELETE FROM camera_credentials WHERE camera = $1::uuid").bind(id.to_string())
            }
            Some(sealed) => sqlx::query(
                "INSERT INTO camera_credentials (camera, sealed) VALUES ($1::uuid, $2)
                 ON CONFLICT (camera) DO UPDATE SET sealed = excluded.sealed",
            )
            .bind(id.to_string())
            .bind(sealed),
        };
        query.execute(&self.verbs).await.map_err(self.failed("keep credentials"))?;
        Ok(())
    }

    async fn credentials(&self, id: CameraId) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT sealed FROM camera_credentials WHERE camera = $1::uuid")
            .bind(id.to_string())
            .fetch_optional(&self.verbs)
            .await
            .map_err(self.failed("read credentials"))
    }

    async fn assign(
        &self,
        camera: CameraId,
        detector: &DetectorVersion,
        ruleset: &RulesetVersion,
    ) -> Result<PassId, StoreError> {
        let failed = self.failed("assign rules to a camera");
        let id = camera.to_string();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        // The same lock as of whoever adds footage, and of whoever assigns.
        let known: Option<i32> =
            sqlx::query_scalar("SELECT 1 FROM cameras WHERE id = $1::uuid FOR NO KEY UPDATE")
                .bind(&id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(&failed)?;
        if known.is_none() {
            return Err(StoreError::NoCamera(camera));
        }
        let there: Option<String> = sqlx::query_scalar(
            "SELECT id FROM passes WHERE camera = $1::uuid AND live AND last_seq IS NULL AND detector = $2 AND ruleset = $3",
        )
        .bind(&id)
        .bind(&detector.0)
        .bind(&ruleset.0)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
        if let Some(there) = there {
            return Ok(PassId(there));
        }
        let first = match end_live(&mut tx, &id).await.map_err(&failed)? {
            Some(last) => last + 1,
            None => {
                sqlx::query_scalar("SELECT coalesce(max(seq), -1) + 1 FROM segments WHERE camera = $1::uuid")
                    .bind(&id)
                    .fetch_one(&mut *tx)
                    .await
                    .map_err(&failed)?
            }
        };
        let pass = Pass {
            camera,
            detector: detector.clone(),
            ruleset: ruleset.clone(),
            range: MediaSpan::ALL,
            first: Seq(first),
            last: None,
        };
        Self::insert_pass_in(&mut tx, &pass).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(pass.id())
    }

    async fn passes(&self, camera: Option<CameraId>) -> Result<Vec<PassState>, StoreError> {
        let rows: Vec<StoredPassState> = sqlx::query_as(
            "SELECT id, camera::text, detector, ruleset, range_start_us, range_end_us, first_seq, last_seq, live,
                    next_seq, NULL::bytea AS fold_state
             FROM passes p WHERE ($1::uuid IS NULL OR p.camera = $1::uuid)
             ORDER BY p.camera, first_seq, id",
        )
        .bind(camera.map(|camera| camera.to_string()))
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("list passes"))?;
        rows.into_iter().map(PassState::try_from).collect()
    }
}
