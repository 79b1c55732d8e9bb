//! When nobody looked: what is true then can be neither counted nor missed.

use anyhow::Result;
use camcount_count::coverage;
use camcount_domain::{Continuity, Detector, MediaSpan, MediaTime, Pass};
use camcount_store::{EventKind, Store};
use futures::TryStreamExt;

/// The gaps of a counted pass, in order of time: as they were counted, from its frames and from what was given up.
pub(super) async fn gaps(store: &dyn Store, pass: &Pass, detector: &Detector) -> Result<Vec<MediaSpan>> {
    let recordings = store.recordings(pass.camera).await?;
    let lost: Vec<MediaSpan> = store
        .camera_events(pass.camera)
        .await?
        .into_iter()
        .filter(|event| {
            event.kind == EventKind::Quarantined && event.detector.as_ref() == Some(&pass.detector)
        })
        .map(|event| event.span)
        .collect();
    let continuity = |from: MediaTime, to: MediaTime| {
        let of = recordings.iter().rev().find(|(_, recording)| recording.span.start <= to);
        let frame_interval_us = of.or(recordings.first()).map_or(1, |(_, r)| r.frame_interval_us);
        let mut continuity = Continuity::of(frame_interval_us, detector.rate.interval_us());
        if lost.iter().any(|span| span.overlaps(&MediaSpan { start: from, end: to })) {
            // However soon the next frame came.
            continuity.gap_after_us = 0;
        }
        continuity
    };
    let Some((first, last)) = store.segments_in(pass.camera, pass.range).await? else {
        return Ok(Vec::new());
    };
    let start = first.span.start.max(pass.range.start);
    let end = last.span.end.min(pass.range.end);
    let (mut gaps, mut before) = (Vec::new(), None);
    let mut note = |gap: MediaSpan| gaps.extend((gap.len_us() > 0).then_some(gap));
    let id = pass.id();
    let mut frames = store.frames(&id);
    while let Some(frame) = frames.try_next().await? {
        let covered = match before {
            None => coverage::before(start, frame.time, continuity(start, frame.time)),
            Some(before) => coverage::between(before, frame.time, continuity(before, frame.time)),
        };
        note(covered.gap);
        before = Some(frame.time);
    }
    note(match before {
        None => MediaSpan { start, end },
        Some(before) => coverage::after(before, end, continuity(before, end)).gap,
    });
    Ok(gaps)
}
