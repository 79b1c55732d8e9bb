//! The embedded store: one SQLite file, opened so that a crash loses nothing that was committed (write-ahead
//! log, every commit synced). One connection writes, a few read.

mod commit;
mod detections;
mod footage;
mod leases;
mod live;
mod models;
mod overview;
mod passes;
mod reading;
mod recorded;
mod registry;
mod rollups;
mod scaling;
mod upkeep;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use camcount_domain::{
    Camera, CameraId, CountPass, CoverageBucket, Crossing, DetectSegment, Detector, DetectorVersion,
    FrameRow, LineBucket, MediaSpan, Pass, PassId, Recording, Ruleset, RulesetVersion, Segment, Seq, Visit,
    ZoneBucket,
};
use sqlx::{
    Connection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    Added, Artifact, CameraEvent, Committed, Kept, Model, ModelUse, NextFold, Outcome, PassProgress,
    Registered, Rows, Scope, SegmentCommit, Store, StoreError,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The store in one SQLite file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    place: String,
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Sqlite {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or written, is no database, or comes from a newer camcount.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // KiB a connection. Verbs look rows up by their keys, and the kernel caches the file anyway.
            .pragma("cache_size", "-128")
            // Another process may be looking at the file; it holds it for moments only.
            .busy_timeout(Duration::from_secs(30));
        let failed = |source| StoreError::Database { place: place.clone(), verb: "open", source };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite rolls back by itself when the disk is full; sqlx then takes the connection to be in that
            // transaction for ever, and refuses the next one.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migration { place: place.clone(), source })?;
        let reader =
            SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(failed)?;
        Ok(Self { place, writer, reader })
    }

    /// Closes the connections; what was committed is in the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// Names what was asked when the database fails.
    fn failed(&self, verb: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Clone + Send + use<> {
        let place = self.place.clone();
        move |source| StoreError::Database { place: place.clone(), verb, source }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn register_camera(&self, camera: &Camera) -> Result<(), StoreError> {
        self.insert_camera(camera).await
    }

    async fn register_detector(&self, detector: &Detector) -> Result<DetectorVersion, StoreError> {
        self.insert_detector(detector).await
    }

    async fn register_model(&self, model: &Model) -> Result<Registered, StoreError> {
        self.insert_model(model).await
    }

    async fn models(&self) -> Result<Vec<Model>, StoreError> {
        self.all_models().await
    }

    async fn remove_model(&self, name: &str, version: &str) -> Result<(), StoreError> {
        self.delete_model(name, version).await
    }

    async fn model_use(&self, sha256: &str) -> Result<ModelUse, StoreError> {
        self.use_of_model(sha256).await
    }

    async fn register_ruleset(&self, ruleset: &Ruleset) -> Result<RulesetVersion, StoreError> {
        self.insert_ruleset(ruleset).await
    }

    async fn add_recording(&self, recording: &Recording, segment_us: i64) -> Result<Added, StoreError> {
        self.append_recording(recording, segment_us).await
    }

    async fn recordings(&self, camera: CameraId) -> Result<Vec<(Seq, Recording)>, StoreError> {
        self.recordings_of(camera).await
    }

    async fn last_recording(&self, camera: CameraId) -> Result<Option<Recording>, StoreError> {
        self.last_recording_of(camera).await
    }

    async fn segments_in(
        &self,
        camera: CameraId,
        span: MediaSpan,
    ) -> Result<Option<(Segment, Segment)>, StoreError> {
        self.ends_of(camera, span).await
    }

    async fn segment(&self, camera: CameraId, seq: Seq) -> Result<(Segment, Recording), StoreError> {
        self.segment_of(camera, seq).await
    }

    async fn open_pass(&self, pass: &Pass) -> Result<PassId, StoreError> {
        self.insert_pass(pass).await
    }

    async fn due_detections(
        &self,
        scope: Scope<'_>,
        per_pass: u32,
    ) -> Result<Vec<DetectSegment>, StoreError> {
        self.detections_due(scope, per_pass).await
    }

    async fn due_counts(&self, scope: Scope<'_>) -> Result<Vec<CountPass>, StoreError> {
        self.counts_due(scope).await
    }

    async fn keep_artifact(&self, job: &DetectSegment, artifact: &Artifact) -> Result<Kept, StoreError> {
        self.insert_artifact(job, artifact).await
    }

    async fn forget_artifact(
        &self,
        job: &DetectSegment,
        sha256: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        self.delete_artifact(job, sha256, reason).await
    }

    async fn outcome(&self, job: &DetectSegment) -> Result<Option<Outcome>, StoreError> {
        self.outcome_of(job).await
    }

    async fn note_failure(&self, job: &DetectSegment, reason: &str) -> Result<u32, StoreError> {
        self.add_failure(job, reason).await
    }

    async fn quarantine(&self, job: &DetectSegment, reason: &str) -> Result<(), StoreError> {
        self.give_up(job, reason).await
    }

    async fn next_fold(&self, pass: &PassId) -> Result<Option<NextFold>, StoreError> {
        self.fold_due(pass).await
    }

    async fn commit_segment(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError> {
        self.commit(commit).await
    }

    async fn progress(&self, pass: &PassId) -> Result<PassProgress, StoreError> {
        self.progress_of(pass).await
    }

    async fn camera_events(&self, camera: CameraId) -> Result<Vec<CameraEvent>, StoreError> {
        self.events_of(camera).await
    }

    fn crossings<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Crossing> {
        self.read_crossings(pass)
    }

    fn visits<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Visit> {
        self.read_visits(pass)
    }

    fn line_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, LineBucket> {
        self.read_line_buckets(pass)
    }

    fn zone_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, ZoneBucket> {
        self.read_zone_buckets(pass)
    }

    fn coverage<'a>(&'a self, pass: &'a PassId) -> Rows<'a, CoverageBucket> {
        self.read_coverage(pass)
    }

    fn frames<'a>(&'a self, pass: &'a PassId) -> Rows<'a, FrameRow> {
        self.read_frames(pass)
    }
}
