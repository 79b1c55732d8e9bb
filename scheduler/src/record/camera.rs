//! One camera: its stream is recorded, again and again, for as long as somebody wants it.

use std::time::{Duration, Instant};

use camcount_decode::LiveOptions;
use camcount_domain::{CameraId, MediaSpan, MediaTime};
use camcount_store::{CameraEvent, EventKind};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Ports,
    deliver::wait,
    quality::QualityMeter,
    run::{Course, Report, Run, RunEnd, gap},
    spool::Entry,
};

/// A run that lasted so long was no failed attempt.
const STEADY: Duration = Duration::from_secs(30);
/// What is said of a stream waits for the store at most so often; more of it is left out.
const REPORTS: usize = 16;

/// A live camera that is to be recorded.
#[derive(Clone)]
pub struct LiveCamera {
    /// Which one.
    pub id: CameraId,
    /// What people call it.
    pub name: String,
    /// Its URL, with what is secret in it.
    pub source: String,
    /// How it is copied.
    pub options: LiveOptions,
}

/// Records `camera` until `stop`.
pub async fn record(ports: Ports, camera: LiveCamera, stop: CancellationToken) {
    let (reports, heard) = mpsc::channel(REPORTS);
    let telling = tokio::spawn(tell(ports.clone(), camera.clone(), heard));
    let mut course = Some(Course {
        end: footage_end(&ports, camera.id).await,
        gap: Some("nobody recorded".to_owned()),
        meter: QualityMeter::new((ports.clock)()),
        pieces: 0,
    });
    let mut failures = 0;
    while !stop.is_cancelled() {
        let Some(mut going) = course.take() else { break };
        let (began, before) = (Instant::now(), going.pieces);
        let run = Run {
            camera: camera.id,
            source: camera.source.clone(),
            ffmpeg: ports.ffmpeg.clone(),
            options: camera.options,
            spool: ports.spool.clone(),
            clock: ports.clock.clone(),
            reports: reports.clone(),
            stop: stop.clone(),
        };
        let ran = tokio::task::spawn_blocking(move || {
            let end = run.record(&mut going);
            (end, going)
        });
        let Ok((end, mut going)) = ran.await else {
            tracing::error!(camera = camera.name, "recording panicked; it is given up here");
            break;
        };
        let recorded = going.pieces > before;
        failures = if recorded || began.elapsed() >= STEADY { 1 } else { failures + 1 };
        if matches!(end, RunEnd::Stopped) {
            break;
        }
        say(&ports, &camera, &mut going, &end, failures, recorded);
        let pause = match end {
            // The camera is well; its clock is read anew.
            RunEnd::Jump(_) | RunEnd::ClockSet { .. } if recorded => Duration::ZERO,
            RunEnd::SpoolFull => {
                until_room(&ports, &stop).await;
                Duration::ZERO
            }
            _ => wait(failures, camera.id),
        };
        course = Some(going);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    drop(reports);
    // It ends with the last of what was to be said.
    let _ = telling.await;
}

/// Says once why a stream ended.
fn say(ports: &Ports, camera: &LiveCamera, going: &mut Course, end: &RunEnd, failures: u32, recorded: bool) {
    let why = end.to_string();
    metrics::counter!("camcount_stream_ends_total", "camera" => camera.name.clone()).increment(1);
    if failures == 1 {
        tracing::warn!(camera = camera.name, why, "the stream ended; it is begun again");
    } else {
        tracing::debug!(camera = camera.name, why, failures, "the stream cannot be had");
    }
    let mut events = Vec::new();
    if let Some(at) = going.end {
        let span = MediaSpan { start: at, end: at };
        let event = |kind| CameraEvent { kind, span, detector: None, detail: why.clone() };
        match end {
            RunEnd::Jump(_) | RunEnd::ClockSet { .. } => events.push(event(EventKind::ClockJump)),
            RunEnd::SpoolFull => events.push(event(EventKind::SpoolFull)),
            _ => {}
        }
        if recorded {
            // Its end is known when footage comes again.
            events.push(gap(span, why.clone()));
        }
    }
    if recorded || going.gap.is_none() {
        going.gap = Some(why);
    }
    if events.is_empty() {
        return;
    }
    if let Err(error) = ports.spool.put(camera.id, None, Entry { recording: None, events, bytes: 0 }) {
        tracing::error!(camera = camera.name, error = &error as &dyn std::error::Error, "the spool fails");
    }
}

async fn until_room(ports: &Ports, stop: &CancellationToken) {
    let mut changes = ports.spool.changes();
    let (bytes, most) = ports.spool.bytes();
    tracing::error!(
        bytes,
        most,
        "the spool is full; nothing is recorded until blob storage and store are back"
    );
    loop {
        changes.mark_unchanged();
        if !ports.spool.is_full() {
            return;
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Where the footage of a camera ends, as far as is known here.
async fn footage_end(ports: &Ports, camera: CameraId) -> Option<MediaTime> {
    let stored = ports.store.footage_end(camera).await;
    let stored = stored.unwrap_or_else(|error| {
        tracing::warn!(%camera, %error, "nobody knows where the footage ends; it is recorded all the same");
        None
    });
    stored.max(ports.spool.footage_end(camera))
}

/// Tells the store and whoever watches how a stream does.
async fn tell(ports: Ports, camera: LiveCamera, mut reports: mpsc::Receiver<Report>) {
    while let Some(report) = reports.recv().await {
        let told = match report {
            Report::Seen(at) => ports.store.saw_camera(camera.id, at).await,
            Report::Quality(quality) => {
                super::measure(&camera.name, &quality);
                ports.store.note_quality(camera.id, &quality).await
            }
        };
        if let Err(error) = told {
            // The next one says more.
            tracing::debug!(camera = camera.name, %error, "what a stream does was not noted");
        }
    }
}
