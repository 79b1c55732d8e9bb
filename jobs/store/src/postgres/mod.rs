//! The store of many machines: one PostgreSQL database that any number of processes share.
//!
//! What must not happen twice is fenced by a row's lock or a key, in the statement that does it, and never by what
//! was read before. Texts that are keys compare byte by byte, as everywhere in camcount.

mod commit;
mod detections;
mod footage;
mod frames;
mod leases;
mod live;
mod migrate;
mod models;
mod month;
mod overview;
mod partitions;
mod passes;
mod places;
mod reading;
mod recorded;
mod registry;
mod rollups;
mod scaling;
mod upkeep;
mod url;

use std::time::Duration;

use async_trait::async_trait;
use camcount_domain::{
    Camera, CameraId, CountPass, CoverageBucket, Crossing, DetectSegment, Detector, DetectorVersion,
    FrameRow, LineBucket, MediaSpan, Pass, PassId, Recording, Ruleset, RulesetVersion, Segment, Seq, Visit,
    ZoneBucket,
};
use sqlx::{
    Connection, PgPool,
    postgres::{PgDatabaseError, PgPoolOptions},
};

pub use migrate::{MigrationStatus, Migrations};
pub use month::{BadMonth, Month};
pub use partitions::{MonthState, MonthStatus};
pub use url::{BadDatabaseUrl, DatabaseUrl};

use crate::{
    Added, Artifact, CameraEvent, Committed, Kept, Model, ModelUse, NextFold, Outcome, PassProgress,
    Registered, Rows, Scope, SegmentCommit, Store, StoreError,
};

/// How a process uses the database.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Connections for verbs, at most. A verb waits for a free one.
    pub connections: u32,
    /// Connections for reading counts, at most: those are held for as long as the reader takes.
    pub readers: u32,
    /// A verb that takes longer is aborted by the server, as is a transaction that idles for so long because its
    /// process hangs. `None` leaves both to the server's settings; poolers such as PgBouncer need that.
    pub statement_timeout: Option<Duration>,
}

impl PostgresOptions {
    /// The usual ones.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        // Verbs take milliseconds: 8 connections serve a machine's workers, and 30 s is far out of the ordinary.
        // A hundred connections are all that PostgreSQL allows by default.
        Self { url, connections: 8, readers: 2, statement_timeout: Some(Duration::from_secs(30)) }
    }
}

/// How long a verb waits for a connection. What is away is heard of, and the job is put off.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was not used for so long may have died meanwhile, and is asked before it is lent.
const IDLED: Duration = Duration::from_secs(1);

/// The store in a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Postgres {
    place: String,
    verbs: PgPool,
    readers: PgPool,
}

impl Postgres {
    /// Connects to a database whose schema is up to date. One that is newer will do, see `migrations/README.md`.
    ///
    /// # Errors
    /// When the database is away, or its schema is older than this camcount.
    pub async fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        migrate::check(&options.url).await?;
        let connect = options.url.options.clone();
        let pool = |size| {
            let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT);
            // sqlx asks whether a connection lives before it lends it, and when it comes back. Of two verbs in a row, once
            // is enough.
            pool.test_before_acquire(false).before_acquire(|connection, lent| {
                Box::pin(async move {
                    if lent.idle_for > IDLED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
        };
        let timed = match options.statement_timeout {
            None => connect.clone(),
            Some(timeout) => {
                let ms = timeout.as_millis();
                connect
                    .clone()
                    .options([("statement_timeout", ms), ("idle_in_transaction_session_timeout", ms)])
            }
        };
        Ok(Self {
            place: options.url.to_string(),
            verbs: pool(options.connections).connect_lazy_with(timed),
            readers: pool(options.readers).connect_lazy_with(connect),
        })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.verbs.close().await;
    }

    /// Names what was asked when the database fails.
    fn failed(&self, verb: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Clone + Send + use<> {
        failed(&self.place, verb)
    }
}

fn failed(place: &str, verb: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Clone + Send + use<> {
    let place = place.to_owned();
    move |source| StoreError::Database { place: place.clone(), verb, source }
}

/// Runs a transaction again that the server aborted for another one's sake.
async fn again<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    // Each time somebody else got through; that many times in a row is trouble of another kind.
    for _ in 1..5 {
        match attempt().await {
            Err(error) if gave_way(&error) => tracing::debug!(%error, "transaction runs again"),
            done => return done,
        }
    }
    attempt().await
}

/// Whether a transaction was aborted for another one's sake, and may simply run again.
fn gave_way(error: &StoreError) -> bool {
    let StoreError::Database { source: sqlx::Error::Database(error), .. } = error else { return false };
    let Some(error) = error.try_downcast_ref::<PgDatabaseError>() else { return false };
    match error.code() {
        // Serialization failure, deadlock.
        "40001" | "40P01" => true,
        // A row without a partition: its month was detached since this transaction asked which are open. A check of a
        // table's own has a name.
        "23514" => error.constraint().is_none(),
        _ => false,
    }
}

#[async_trait]
impl Store for Postgres {
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
