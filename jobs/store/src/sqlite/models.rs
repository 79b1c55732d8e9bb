//! Registered models.

use super::Sqlite;
use crate::{Model, ModelUse, Registered, StoreError, rows::StoredModel};

impl Sqlite {
    pub(super) async fn insert_model(&self, model: &Model) -> Result<Registered, StoreError> {
        let failed = self.failed("register a model");
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let there: Option<StoredModel> =
            sqlx::query_as("SELECT * FROM models WHERE name = ? AND version = ?")
                .bind(&model.name)
                .bind(&model.version)
                .fetch_optional(&mut *tx)
                .await
                .map_err(&failed)?;
        if let Some(there) = there {
            return Registered::beside(model, there.try_into()?);
        }
        sqlx::query(
            "INSERT INTO models (name, version, sha256, layout, width, height, classes, bytes, added_us)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&model.name)
        .bind(&model.version)
        .bind(&model.sha256)
        .bind(&model.layout)
        .bind(model.input.width)
        .bind(model.input.height)
        .bind(serde_json::json!(model.classes).to_string())
        .bind(i64::try_from(model.bytes).unwrap_or(i64::MAX))
        .bind(model.added.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(Registered::New)
    }

    pub(super) async fn all_models(&self) -> Result<Vec<Model>, StoreError> {
        let rows: Vec<StoredModel> =
            sqlx::query_as("SELECT * FROM models ORDER BY name, added_us DESC, version DESC")
                .fetch_all(&self.reader)
                .await
                .map_err(self.failed("list models"))?;
        rows.into_iter().map(Model::try_from).collect()
    }

    pub(super) async fn delete_model(&self, name: &str, version: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM models WHERE name = ? AND version = ?")
            .bind(name)
            .bind(version)
            .execute(&self.writer)
            .await
            .map_err(self.failed("remove a model"))?;
        Ok(())
    }

    pub(super) async fn use_of_model(&self, sha256: &str) -> Result<ModelUse, StoreError> {
        let (passes, unfinished): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE last_seq IS NULL OR next_seq <= last_seq) FROM passes
             WHERE detector IN (SELECT version FROM detectors WHERE sha256 = ?)",
        )
        .bind(sha256)
        .fetch_one(&self.reader)
        .await
        .map_err(self.failed("look for what a model counted"))?;
        Ok(ModelUse { passes: passes.unsigned_abs(), unfinished: unfinished.unsigned_abs() })
    }
}
