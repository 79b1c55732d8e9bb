//! Registered models.

use super::Postgres;
use crate::{Model, ModelUse, Registered, StoreError, rows::StoredModel};

impl Postgres {
    pub(super) async fn insert_model(&self, model: &Model) -> Result<Registered, StoreError> {
        let failed = self.failed("register a model");
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        let new = sqlx::query(
            "INSERT INTO models (name, version, sha256, layout, width, height, classes, bytes, added_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (name, version) DO UPDATE SET name = excluded.name WHERE false",
        )
        .bind(&model.name)
        .bind(&model.version)
        .bind(&model.sha256)
        .bind(&model.layout)
        .bind(i64::from(model.input.width))
        .bind(i64::from(model.input.height))
        .bind(serde_json::json!(model.classes).to_string())
        .bind(i64::try_from(model.bytes).unwrap_or(i64::MAX))
        .bind(model.added.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        let registered = if new.rows_affected() > 0 {
            Registered::New
        } else {
            // The conflict locked the row that is there, so nobody removes it before this has looked.
            let there: StoredModel = sqlx::query_as(
                "SELECT name, version, sha256, layout, width, height, classes, bytes, added_us FROM models
                 WHERE name = $1 AND version = $2",
            )
            .bind(&model.name)
            .bind(&model.version)
            .fetch_one(&mut *tx)
            .await
            .map_err(&failed)?;
            Registered::beside(model, there.try_into()?)?
        };
        tx.commit().await.map_err(&failed)?;
        Ok(registered)
    }

    pub(super) async fn all_models(&self) -> Result<Vec<Model>, StoreError> {
        let rows: Vec<StoredModel> = sqlx::query_as(
            "SELECT name, version, sha256, layout, width, height, classes, bytes, added_us FROM models
             ORDER BY name, added_us DESC, version DESC",
        )
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("list models"))?;
        rows.into_iter().map(Model::try_from).collect()
    }

    pub(super) async fn delete_model(&self, name: &str, version: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM models WHERE name = $1 AND version = $2")
            .bind(name)
            .bind(version)
            .execute(&self.verbs)
            .await
            .map_err(self.failed("remove a model"))?;
        Ok(())
    }

    pub(super) async fn use_of_model(&self, sha256: &str) -> Result<ModelUse, StoreError> {
        let (passes, unfinished): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE NOT finished) FROM passes
             WHERE detector IN (SELECT version FROM detectors WHERE sha256 = $1)",
        )
        .bind(sha256)
        .fetch_one(&self.verbs)
        .await
        .map_err(self.failed("look for what a model counted"))?;
        Ok(ModelUse { passes: passes.unsigned_abs(), unfinished: unfinished.unsigned_abs() })
    }
}
