//! `camcount verify`: counts the recorded footage of a camera once more, in one process, and compares.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{BlobError, Blobs, Put};
use camcount_decode::Ffmpeg;
use camcount_domain::{Camera, DetectSegment, Lane, Pass, PassId, Priority, Seq};
use camcount_queue::{InProcess, InProcessFeed, Queue};
use camcount_runtime::{Detectors, JobEnd, Meter, Ports, Telling, Workers, WorkersOptions, handlers};
use camcount_scheduler::Reconciler;
use camcount_store::{Lookup, Outcome, PassState, Rows, Scope};
use clap::Args;
use futures::TryStreamExt;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    commands::camera::called,
    config::Config,
    interrupt::{self, INTERRUPTED},
    models::Loader,
    place::Place,
    progress::FootageBar,
};

const EXAMPLES: &str = "\
Examples:
  camcount verify gate
  camcount verify gate --pass 1f3a9c0d2b4e6f80 --json

Everything is done anew from the recorded footage: decoding, detecting, tracking and counting. On the kind of machine that \
counted first, every row is the same, bit by bit. Exit code 1 when one is not.";

/// Arguments of `verify`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    /// Only this pass [default: all of the camera]
    #[arg(long, value_name = "PASS")]
    pass: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// How the rows of one kind compare.
#[derive(Clone, Debug, Default, serde::Serialize)]
struct Compared {
    rows: u64,
    differing: u64,
    /// The first one that differs: as stored, and as counted anew.
    first: Option<[String; 2]>,
}

/// Runs the command.
pub(crate) async fn run(args: &VerifyArgs, config: &Config) -> Result<ExitCode> {
    let place = Place::of(config).await?;
    let store = &*place.store;
    let camera = called(store, &args.name).await?.camera;
    let mut passes = store.passes(Some(camera.id)).await?;
    passes.retain(|state| args.pass.as_ref().is_none_or(|wanted| *wanted == state.id.0));
    // What was never begun has nothing to compare.
    passes.retain(|state| state.next > state.pass.first);
    if passes.is_empty() {
        bail!("nothing was counted of {} yet, or not in that pass", args.name);
    }
    let _heeding = interrupt::heed();
    let anew = Anew::open(&place, &camera, config).await?;
    let mut alike = true;
    let mut told = Vec::new();
    for state in &passes {
        let compared = tokio::select! {
            compared = anew.verify(state) => compared?,
            () = interrupt::asked(1) => return Ok(ExitCode::from(INTERRUPTED)),
        };
        alike &= compared.values().all(|kind| kind.differing == 0);
        if !args.json {
            tell(state, &compared)?;
        }
        told.push(serde_json::json!({ "pass": state.id, "rows": compared }));
    }
    if args.json {
        let document = serde_json::json!({ "camera": args.name, "alike": alike, "passes": told });
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&document)?)?;
    }
    Ok(if alike { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(state: &PassState, compared: &BTreeMap<&'static str, Compared>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let rows: u64 = compared.values().map(|kind| kind.rows).sum();
    let segments = state.next.0 - state.pass.first.0;
    let differing: u64 = compared.values().map(|kind| kind.differing).sum();
    let verdict = if differing == 0 { "alike".to_owned() } else { format!("{differing} rows DIFFER") };
    writeln!(out, "pass {}: {segments} segments counted anew, {rows} rows, {verdict}", state.id)?;
    for (kind, Compared { first, .. }) in compared {
        if let Some([stored, anew]) = first {
            writeln!(out, "  {kind}\n    stored  {stored}\n    anew    {anew}")?;
        }
    }
    Ok(())
}

/// A store of its own, in which the camera's footage is counted anew.
struct Anew<'p> {
    theirs: &'p Place,
    ours: Place,
    config: &'p Config,
    _folder: Scratch,
}

/// A folder that goes with this value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whoever stops half-way leaves it to the system, as all that lies among temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl<'p> Anew<'p> {
    async fn open(theirs: &'p Place, camera: &Camera, config: &'p Config) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("camcount-verify-{}", std::process::id()));
        // What a process of the same number left would be compared, and not counted.
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("{} is in the way; remove it", folder.display()))?;
        }
        let folder = Scratch(folder);
        let ours = Place::folder(&folder.0).await?;
        ours.store.register_camera(camera).await?;
        let anew = Self { theirs, ours, config, _folder: folder };
        anew.copy_footage(camera).await?;
        Ok(anew)
    }

    /// Enters the footage that has come since, cut as it was.
    async fn copy_footage(&self, camera: &Camera) -> Result<()> {
        let theirs = &self.theirs.store;
        let there = self.ours.store.recordings(camera.id).await?.len();
        for (seq, recording) in theirs.recordings(camera.id).await?.into_iter().skip(there) {
            // All segments of a recording but the last are of one length.
            let (first, _) = theirs.segment(camera.id, seq).await?;
            self.ours.store.add_recording(&recording, first.span.len_us().max(1)).await?;
        }
        Ok(())
    }

    /// Counts a pass anew as far as it is counted now, and compares.
    async fn verify(&self, state: &PassState) -> Result<BTreeMap<&'static str, Compared>> {
        let (theirs, ours) = (&*self.theirs.store, &*self.ours.store);
        let detector = theirs.detector(&state.pass.detector).await?;
        ours.register_detector(&detector).await?;
        ours.register_ruleset(&theirs.ruleset(&state.pass.ruleset).await?).await?;
        // An end that was decided later is an end all the same.
        let pass = Pass { last: state.last, ..state.pass.clone() };
        let id = ours.open_pass(&pass).await?;
        loop {
            let target = self.cursor(state).await?;
            let camera = Camera { id: pass.camera, name: String::new(), start_known: true };
            self.copy_footage(&camera).await?;
            self.give_up_likewise(&pass, target).await?;
            self.count(&id, target).await?;
            let compared = self.compare(&state.id, &id).await?;
            // What was committed meanwhile is not in ours yet.
            if self.cursor(state).await? == target {
                return Ok(compared);
            }
        }
    }

    async fn cursor(&self, state: &PassState) -> Result<Seq> {
        let passes = self.theirs.store.passes(Some(state.pass.camera)).await?;
        let now = passes.into_iter().find(|now| now.id == state.id);
        Ok(now.context("the pass is gone")?.next)
    }

    /// Gives up what was given up, so that whatever broke it then need not break it again.
    async fn give_up_likewise(&self, pass: &Pass, target: Seq) -> Result<()> {
        for seq in pass.first.0..target.0 {
            let job = DetectSegment { camera: pass.camera, seq: Seq(seq), detector: pass.detector.clone() };
            if let Some(Outcome::Quarantined(reason)) = self.theirs.store.outcome(&job).await? {
                self.ours.store.quarantine(&job, &reason).await?;
            }
        }
        Ok(())
    }

    /// Runs until the cursor of ours stands at `target`.
    async fn count(&self, id: &PassId, target: Seq) -> Result<()> {
        let slots = self.config.workers.get();
        let queue: Arc<dyn Queue> = Arc::new(InProcess::default());
        let blobs: Arc<dyn Blobs> =
            Arc::new(Beside { ours: Arc::clone(&self.ours.blobs), theirs: Arc::clone(&self.theirs.blobs) });
        let loader = Loader::new(Arc::clone(&self.theirs.blobs), self.config.clone());
        let ports = Ports {
            store: Arc::clone(&self.ours.store),
            lookup: Arc::clone(&self.ours.store) as Arc<dyn Lookup>,
            blobs,
            footage: Ffmpeg::new(self.config.ffmpeg.clone()),
            detectors: Detectors::loaded_by(Arc::new(loader)),
            // Nobody watches.
            telling: Telling::over(Arc::new(InProcessFeed::default())),
            meter: Arc::new(Meter::default()),
        };
        let options = WorkersOptions {
            slots: vec![(Lane::Detect, slots), (Lane::Count, slots)],
            ..WorkersOptions::default()
        };
        let ahead = u32::try_from(slots.saturating_mul(8)).unwrap_or(u32::MAX);
        let reconciler = Reconciler::new(Arc::clone(&self.ours.store), Arc::clone(&queue), ahead);
        let workers = Workers::start(&queue, handlers(&ports), options);
        let mut ends = workers.ends();
        let camera = self.ours.store.passes(None).await?;
        let camera = camera.iter().find(|state| state.id == *id).context("the pass is gone")?.pass.camera;
        let total_us = self.ours.store.progress(id).await?.total_us;
        let mut bar = FootageBar::new("counting anew", total_us);
        loop {
            let passes = self.ours.store.passes(Some(camera)).await?;
            if passes.iter().any(|state| state.id == *id && state.next >= target) {
                break;
            }
            reconciler.tick(Scope::Passes(std::slice::from_ref(id)), Priority::Live).await?;
            bar.show(self.ours.store.progress(id).await?.detected_us, ports.meter.frames());
            match ends.recv().await {
                Ok(JobEnd::GivenUp { reason, .. } | JobEnd::Deferred { reason, .. }) => bail!(reason),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => bail!("the workers ended before the work did"),
            }
        }
        workers.stop().await;
        Ok(())
    }

    async fn compare(&self, stored: &PassId, anew: &PassId) -> Result<BTreeMap<&'static str, Compared>> {
        let (theirs, ours) = (&*self.theirs.store, &*self.ours.store);
        Ok(BTreeMap::from([
            ("crossings", compare(theirs.crossings(stored), ours.crossings(anew)).await?),
            ("visits", compare(theirs.visits(stored), ours.visits(anew)).await?),
            ("line buckets", compare(theirs.line_buckets(stored), ours.line_buckets(anew)).await?),
            ("zone buckets", compare(theirs.zone_buckets(stored), ours.zone_buckets(anew)).await?),
            ("coverage", compare(theirs.coverage(stored), ours.coverage(anew)).await?),
            ("frames", compare(theirs.frames(stored), ours.frames(anew)).await?),
        ]))
    }
}

/// Compares rows that come in the same order.
async fn compare<T: PartialEq + Debug>(mut stored: Rows<'_, T>, mut anew: Rows<'_, T>) -> Result<Compared> {
    let mut compared = Compared::default();
    loop {
        let pair = (stored.try_next().await?, anew.try_next().await?);
        if let (None, None) = pair {
            return Ok(compared);
        }
        compared.rows += 1;
        if pair.0 != pair.1 {
            compared.differing += 1;
            let text =
                |row: &Option<T>| row.as_ref().map_or_else(|| "nothing".to_owned(), |row| format!("{row:?}"));
            compared.first.get_or_insert_with(|| [text(&pair.0), text(&pair.1)]);
        }
    }
}

/// Blobs of ours, and behind them those of others, which are only read.
struct Beside {
    ours: Arc<dyn Blobs>,
    theirs: Arc<dyn Blobs>,
}

#[async_trait]
impl Blobs for Beside {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<Put, BlobError> {
        self.ours.put(key, bytes).await
    }

    async fn put_stream(&self, key: &str, bytes: Box<dyn Read + Send>) -> Result<Put, BlobError> {
        self.ours.put_stream(key, bytes).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        match self.ours.get(key).await {
            Err(BlobError::Missing { .. }) => self.theirs.get(key).await,
            got => got,
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        match self.ours.size(key).await? {
            None => self.theirs.size(key).await,
            size => Ok(size),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.ours.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError> {
        self.ours.list(prefix, after, limit).await
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        match self.ours.source(key).await {
            Err(BlobError::Missing { .. }) => self.theirs.source(key).await,
            source => source,
        }
    }
}
