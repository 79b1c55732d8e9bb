//! From detections to the bytes of an artifact.

use std::{ops::Range, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{Float32Builder, StringBuilder, TimestampMicrosecondBuilder, UInt16Builder, UInt32Builder},
};
use bytes::Bytes;
use camcount_domain::{CONFIDENCE_ONE, Detection, GRID, SegmentDetections};

use super::{ArtifactError, FORMAT, content_sha256, note, schema, unit_of_confidence, unit_of_step};
use crate::parquet_file;

/// Frames that are turned into columns at once, so that long segments take no more memory than short ones.
const BATCH_FRAMES: usize = 128;

/// The artifact of `detections`. Equal detections give equal bytes.
///
/// # Errors
/// [`ArtifactError::Unwritable`] for boxes that leave the grid, and for classes and confidences that there
/// are not.
pub fn encode(detections: &SegmentDetections) -> Result<Bytes, ArtifactError> {
    let refused =
        |source: Box<dyn std::error::Error + Send + Sync>| ArtifactError::Parquet { action: "write", source };
    let notes = [
        (note::FORMAT, FORMAT.to_owned()),
        (note::FRAME_WIDTH, detections.frame_size.width.to_string()),
        (note::FRAME_HEIGHT, detections.frame_size.height.to_string()),
        (note::GRID, GRID.to_string()),
        (note::CLASSES, serde_json::to_string(&detections.classes).map_err(|error| refused(error.into()))?),
        (note::SHA256, content_sha256(detections)),
    ];
    let schema = Arc::new(schema());
    let mut bytes = Vec::new();
    let mut writer = parquet_file::writer(&mut bytes, Arc::clone(&schema), &notes)
        .map_err(|error| refused(error.into()))?;
    for first in (0..detections.frames.len()).step_by(BATCH_FRAMES) {
        let last = detections.frames.len().min(first + BATCH_FRAMES);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns(detections, first..last)?)
            .map_err(|error| refused(error.into()))?;
        writer.write(&batch).map_err(|error| refused(error.into()))?;
    }
    writer.close().map_err(|error| refused(error.into()))?;
    Ok(bytes.into())
}

/// The columns of some of the frames, in the order of the schema.
fn columns(detections: &SegmentDetections, frames: Range<usize>) -> Result<Vec<ArrayRef>, ArtifactError> {
    let places = frames.clone().zip(&detections.frames[frames]);
    let mut numbers = UInt32Builder::new();
    let mut times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut sides: [Float32Builder; 4] = Default::default();
    let mut classes = StringBuilder::new();
    let mut class_indices = UInt16Builder::new();
    let mut confidences = Float32Builder::new();
    for (place, frame) in places {
        let unwritable = |reason| ArtifactError::Unwritable { frame: place, reason };
        let number = u32::try_from(place).map_err(|_| unwritable("there are too many frames".to_owned()))?;
        let rows = frame.detections.iter().map(Some).chain(frame.detections.is_empty().then_some(None));
        for found in rows {
            let class = found.map(|found| checked(found, detections)).transpose().map_err(unwritable)?;
            numbers.append_value(number);
            times.append_value(frame.time.0);
            let corners =
                found.map(|found| [found.bbox.left, found.bbox.top, found.bbox.right, found.bbox.bottom]);
            for (side, column) in sides.iter_mut().enumerate() {
                column.append_option(corners.map(|corners| unit_of_step(corners[side])));
            }
            classes.append_option(class);
            class_indices.append_option(found.map(|found| found.class));
            confidences.append_option(found.map(|found| unit_of_confidence(found.confidence.0)));
        }
    }
    let [mut left, mut top, mut right, mut bottom] = sides;
    Ok(vec![
        Arc::new(numbers.finish()),
        Arc::new(times.finish()),
        Arc::new(left.finish()),
        Arc::new(top.finish()),
        Arc::new(right.finish()),
        Arc::new(bottom.finish()),
        Arc::new(classes.finish()),
        Arc::new(class_indices.finish()),
        Arc::new(confidences.finish()),
    ])
}

/// The name of the detection's class, when all of it can be written.
fn checked<'a>(found: &Detection, detections: &'a SegmentDetections) -> Result<&'a str, String> {
    let bbox = found.bbox;
    if [bbox.left, bbox.top, bbox.right, bbox.bottom].iter().any(|side| !(0..=GRID).contains(side)) {
        return Err(format!("{bbox:?} leaves the picture's grid of 0 to {GRID}"));
    }
    if found.confidence.0 > CONFIDENCE_ONE {
        return Err(format!("a confidence of {} is above {CONFIDENCE_ONE}", found.confidence.0));
    }
    detections.classes.get(usize::from(found.class)).map(String::as_str).ok_or_else(|| {
        format!("there is no class {} among {} classes", found.class, detections.classes.len())
    })
}
