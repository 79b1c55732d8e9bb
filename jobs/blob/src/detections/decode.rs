//! From the bytes of an artifact to detections, whatever the bytes are.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{Float32Type, TimestampMicrosecondType, UInt16Type, UInt32Type},
};
use bytes::Bytes;
use camcount_domain::{BBox, Confidence, DetectedFrame, Detection, FrameSize, MediaTime, SegmentDetections};
use parquet::{
    arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    file::metadata::KeyValue,
};

use super::{ArtifactError, FORMAT, confidence_of_unit, content_sha256, note, schema, step_of_unit};

/// What an artifact says.
///
/// # Errors
/// [`ArtifactError::Foreign`] for what is no artifact of this format, [`ArtifactError::Damaged`] for what was
/// one, [`ArtifactError::Parquet`] for what cannot be read at all.
pub fn decode(bytes: Bytes) -> Result<SegmentDetections, ArtifactError> {
    // The Parquet library is asked to read whatever there is; should it panic over that, it is damaged too.
    catch_unwind(AssertUnwindSafe(|| read(bytes)))
        .unwrap_or_else(|_| Err(damaged("reading it made the parquet library panic")))
}

fn damaged(reason: impl Into<String>) -> ArtifactError {
    ArtifactError::Damaged { reason: reason.into() }
}

fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> ArtifactError {
    ArtifactError::Parquet { action: "read", source: source.into() }
}

fn read(bytes: Bytes) -> Result<SegmentDetections, ArtifactError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let file = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).map_err(unreadable)?;
    let metadata = file.metadata().file_metadata().key_value_metadata();
    let notes = Notes(metadata.map(Vec::as_slice).unwrap_or_default());
    let format = notes.get(note::FORMAT)?;
    if format != FORMAT {
        return Err(ArtifactError::Foreign { reason: format!("its format is {format}, not {FORMAT}") });
    }
    if file.schema().fields() != schema().fields() {
        return Err(ArtifactError::Foreign { reason: "its columns are others".to_owned() });
    }
    let mut detections = SegmentDetections {
        frame_size: FrameSize {
            width: notes.number(note::FRAME_WIDTH)?,
            height: notes.number(note::FRAME_HEIGHT)?,
        },
        classes: serde_json::from_str(notes.get(note::CLASSES)?)
            .map_err(|error| damaged(format!("its list of classes: {error}")))?,
        frames: Vec::new(),
    };
    let wanted = notes.get(note::SHA256)?.to_owned();
    for batch in file.build().map_err(unreadable)? {
        append(&batch.map_err(unreadable)?, &mut detections.frames)?;
    }
    if content_sha256(&detections) != wanted {
        return Err(damaged("its content is not what was written"));
    }
    Ok(detections)
}

struct Notes<'a>(&'a [KeyValue]);

impl<'a> Notes<'a> {
    fn get(&self, key: &str) -> Result<&'a str, ArtifactError> {
        let note = self.0.iter().find(|note| note.key == key).and_then(|note| note.value.as_deref());
        note.ok_or_else(|| ArtifactError::Foreign { reason: format!("its metadata have no {key}") })
    }

    fn number(&self, key: &str) -> Result<u32, ArtifactError> {
        self.get(key)?.parse().map_err(|_| damaged(format!("{key} is no number")))
    }
}

/// Adds the rows of `batch`. That they are what was written is checked by the hash in the end.
fn append(batch: &RecordBatch, frames: &mut Vec<DetectedFrame>) -> Result<(), ArtifactError> {
    let [frame, time, left, top, right, bottom, _, class, confidence] = batch.columns() else {
        return Err(damaged("it lacks columns"));
    };
    let numbers = frame.as_primitive::<UInt32Type>();
    let times = time.as_primitive::<TimestampMicrosecondType>();
    let classes = class.as_primitive::<UInt16Type>();
    let side = |column: &ArrayRef, row| step_of_unit(column.as_primitive::<Float32Type>().value(row));
    let confidences = confidence.as_primitive::<Float32Type>();
    for row in 0..batch.num_rows() {
        if numbers.value(row) as usize == frames.len() {
            frames.push(DetectedFrame { time: MediaTime(times.value(row)), detections: Vec::new() });
        }
        let Some(frame) = frames.last_mut().filter(|frame| frame.time.0 == times.value(row)) else {
            return Err(damaged("its rows are out of order"));
        };
        if left.is_valid(row) {
            frame.detections.push(Detection {
                bbox: BBox {
                    left: side(left, row),
                    top: side(top, row),
                    right: side(right, row),
                    bottom: side(bottom, row),
                },
                class: classes.value(row),
                confidence: Confidence(confidence_of_unit(confidences.value(row))),
            });
        }
    }
    Ok(())
}
