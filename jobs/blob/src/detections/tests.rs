//! Whatever goes in comes out; whatever was not put in is refused.

use arrow_array::{Array, cast::AsArray, types::Float32Type};
use bytes::Bytes;
use camcount_domain::{
    BBox, CONFIDENCE_ONE, Confidence, DetectedFrame, Detection, FrameSize, GRID, MediaTime, SegmentDetections,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use proptest::{collection::vec, prelude::*};

use super::*;

fn detection(classes: u16) -> impl Strategy<Value = Detection> {
    let side = || 0..=GRID;
    (side(), side(), side(), side(), 0..classes, 0..=CONFIDENCE_ONE).prop_map(
        |(left, top, right, bottom, class, confidence)| Detection {
            bbox: BBox { left, top, right, bottom },
            class,
            confidence: Confidence(confidence),
        },
    )
}

fn detections() -> impl Strategy<Value = SegmentDetections> {
    vec(".{0,8}", 1..5).prop_flat_map(|classes| {
        // Equal times, too: frames are told apart by their number.
        let time = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()];
        let frame = (time, vec(detection(classes.len() as u16), 0..4));
        (Just(classes), any::<(u32, u32)>(), vec(frame, 0..20)).prop_map(|(classes, size, frames)| {
            SegmentDetections {
                frame_size: FrameSize { width: size.0, height: size.1 },
                classes,
                frames: frames
                    .into_iter()
                    .map(|(time, detections)| DetectedFrame { time: MediaTime(time), detections })
                    .collect(),
            }
        })
    })
}

/// Ten seconds of a street: 150 frames with `each` moving boxes.
fn street(each: i32) -> SegmentDetections {
    let found = |frame: i32, object: i32| {
        let left = (object * 3_001 + frame * 37) % 30_000;
        let top = (object * 1_999 + frame * 11) % 28_000;
        Detection {
            bbox: BBox { left, top, right: left + 900 + frame % 7, bottom: top + 2_500 + frame % 13 },
            class: (object % 3) as u16,
            confidence: Confidence(6_000 + ((object * 131 + frame * 17) % 3_500) as u16),
        }
    };
    SegmentDetections {
        frame_size: FrameSize { width: 1920, height: 1080 },
        classes: ["person", "car", "käfer"].map(str::to_owned).to_vec(),
        frames: (0..150)
            .map(|frame| DetectedFrame {
                time: MediaTime(1_777_622_400_000_000 + i64::from(frame) * 66_667),
                detections: (0..if frame % 10 == 0 { 0 } else { each })
                    .map(|object| found(frame, object))
                    .collect(),
            })
            .collect(),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(detections in detections()) {
        let bytes = encode(&detections).unwrap();
        prop_assert_eq!(&encode(&detections).unwrap(), &bytes, "equal content, equal bytes");
        prop_assert_eq!(decode(bytes).unwrap(), detections);
    }

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..2_000), framed: bool) {
        let mut bytes = bytes;
        if framed {
            bytes.splice(0..0, *b"PAR1");
            bytes.extend(*b"PAR1");
        }
        prop_assert!(decode(bytes.into()).is_err());
    }

    /// Damage may lie where nobody looks, such as a statistic; then what is read is what was written.
    #[test]
    fn damaged_bytes_are_never_read_as_something_else(
        places in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        detections in detections(),
    ) {
        let mut bytes = encode(&detections).unwrap().to_vec();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(read) = decode(bytes.into()) {
            prop_assert_eq!(read, detections);
        }
    }
}

#[test]
fn every_step_and_every_confidence_is_exact() {
    assert!((0..=GRID).all(|step| step_of_unit(unit_of_step(step)) == step));
    assert!((0..=CONFIDENCE_ONE).all(|c| confidence_of_unit(unit_of_confidence(c)) == c));
    assert!((0..=GRID).all(|step| f64::from(unit_of_step(step)) == f64::from(step) / f64::from(GRID)));
}

#[test]
fn truncated_files_are_refused() {
    let bytes = encode(&street(3)).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(bytes.slice(..length)).is_err(), "the first {length} of {} bytes", bytes.len());
    }
}

/// Slow and thorough: `cargo test -p camcount-blob -- --ignored`.
#[test]
#[ignore = "flips every bit of a file"]
fn every_flipped_bit_is_found_or_harmless() {
    let detections = street(1);
    let bytes = encode(&detections).unwrap();
    let mut harmless = 0;
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = decode(bytes.into()) {
            assert!(read == detections, "bit {bit} changes what is read");
            harmless += 1;
        }
    }
    println!("{harmless} of {} bits are harmless", bytes.len() * 8);
}

#[test]
fn empty_segments_and_empty_frames_survive() {
    let mut detections = street(0);
    assert_eq!(decode(encode(&detections).unwrap()).unwrap(), detections);
    detections.frames.clear();
    detections.classes.clear();
    assert_eq!(decode(encode(&detections).unwrap()).unwrap(), detections);
}

#[test]
fn analysts_get_plain_columns() {
    let bytes = encode(&street(4)).unwrap();
    let batch = ParquetRecordBatchReader::try_new(bytes, 100_000).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 15 + 135 * 4);
    let classes = batch.column_by_name("class").unwrap().as_string::<i32>();
    assert!(classes.is_null(0) && classes.value(3) == "käfer");
    let lefts = batch.column_by_name("box_left").unwrap().as_primitive::<Float32Type>();
    assert_eq!(lefts.value(1), 37.0 / 32_768.0);
}

#[test]
fn segments_are_small() {
    // 150 frames with ten objects each; generous, so that only a blunder fails it.
    let size = encode(&street(10)).unwrap().len();
    println!("{size} bytes for 1365 rows");
    assert!(size < 1_365 * 24, "{size} bytes");
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let with = |change: fn(&mut Detection)| {
        let mut detections = street(2);
        change(&mut detections.frames[7].detections[1]);
        encode(&detections).unwrap_err().to_string()
    };
    assert!(with(|found| found.bbox.right = GRID + 1).contains("frame 7"));
    assert!(with(|found| found.class = 3).contains("no class 3 among 3"));
    assert!(with(|found| found.confidence = Confidence(10_001)).contains("10001"));
}

#[test]
fn other_files_are_called_foreign() {
    let schema = std::sync::Arc::new(schema());
    let mut bytes = Vec::new();
    let notes = [(note::FORMAT, "camcount.detections.v9".to_owned())];
    crate::parquet_file::writer(&mut bytes, schema.clone(), &notes).unwrap().close().unwrap();
    let text = decode(bytes.into()).unwrap_err().to_string();
    assert!(text.contains("v9, not camcount.detections.v1"), "{text}");
    let mut bytes = Vec::new();
    crate::parquet_file::writer(&mut bytes, schema, &[]).unwrap().close().unwrap();
    assert!(matches!(decode(bytes.into()), Err(ArtifactError::Foreign { .. })));
    assert!(matches!(decode(Bytes::from_static(b"<html>404</html>")), Err(ArtifactError::Parquet { .. })));
}
