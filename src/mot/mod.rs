//! MOTChallenge text, in and out: detections and tracks as one comma-separated row each.
//!
//! A row is `frame, id, left, top, width, height[, confidence[, class[, visibility]]]`, or ten columns of which
//! the last three are world coordinates and are not read. White space may stand for commas. Frames and ids count
//! from 1; an id of -1 is none. Boxes are in pixels, from the picture's top left corner at 0,0. Blank lines and
//! what follows a `#` are skipped; rows may come in any order.
//!
//! Confidences are shares, or percent where the largest in the file is above 1; -1 and a missing column stand for
//! certainty. Ground truth marks rows that nobody is judged by with confidence 0: those are kept, but not
//! [considered](MotObject::considered).
//!
//! The format and its classes are described in Milan et al., "MOT16: A Benchmark for Multi-Object Tracking".

mod rate;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, Write},
};

use camcount_domain::{
    Confidence, DetectedFrame, Detection, FrameSize, MediaTime, SegmentDetections, TrackId, TrackedFrame,
    TrackedObject,
};

pub(crate) use rate::FrameRate;
use row::{Parsed, Row};

/// Names of the classes 1, 2, … of MOT16, MOT17 and MOT20. The ones that detectors know too have the names that
/// detectors give them.
pub(crate) const CLASSES: [&str; 13] = [
    "person",
    "person on vehicle",
    "car",
    "bicycle",
    "motorcycle",
    "non-motorised vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
    "crowd",
];

/// A longer line is no row.
const LINE_BYTES: u64 = 1_000;

/// What the text itself does not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    /// Size of the picture that the boxes lie in.
    pub size: FrameSize,
    /// Frames a second.
    pub rate: FrameRate,
    /// Media time of frame 1.
    pub start: MediaTime,
}

/// Why a text is no MOTChallenge text: which line, what is wrong, and what should be there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MotError {
    /// The text could not be read.
    #[error("line {line} could not be read")]
    Read {
        /// Counted from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The line is no row.
    #[error("line {line}: {problem}")]
    Row {
        /// Counted from 1.
        line: u64,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The frame rate is none.
    #[error("{text:?} is no frame rate; write 25, 12.5 or 30000/1001, between 0.001 and 1000 frames/s")]
    Rate {
        /// As written.
        text: String,
    },
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MotObject {
    /// Whose box it is, where the text says so.
    pub track: Option<TrackId>,
    /// The box, clipped to the picture.
    pub detection: Detection,
    /// Whether to count it: false for rows of confidence 0, which ground truth marks so.
    pub considered: bool,
}

/// The content of a MOTChallenge text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mot {
    /// Names of the classes that occur, by index.
    pub classes: Vec<String>,
    /// The rows by frame number; frames without any are left out.
    pub rows: BTreeMap<u32, Vec<MotObject>>,
    /// Rows that were left out because their boxes lie outside the picture.
    pub outside: u64,
}

impl Mot {
    /// Reads a text.
    ///
    /// # Errors
    /// Names the first line that is no row.
    pub(crate) fn read(mut text: impl BufRead, sequence: &Sequence) -> Result<Self, MotError> {
        let (mut rows, mut outside) = (Vec::new(), 0);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = io::Read::take(&mut text, LINE_BYTES).read_until(b'\n', &mut bytes);
            if read.map_err(|source| MotError::Read { line, source })? == 0 {
                break;
            }
            let row = if bytes.len() as u64 == LINE_BYTES {
                Err(format!("longer than {LINE_BYTES} bytes; is this MOTChallenge text?"))
            } else {
                std::str::from_utf8(&bytes)
                    .map_err(|_| "no text; is the file compressed?".to_owned())
                    .and_then(|text| Row::parse(text, sequence.size))
            };
            match row.map_err(|problem| MotError::Row { line, problem })? {
                Parsed::Row(row) => rows.push(row),
                Parsed::Outside => outside += 1,
                Parsed::Nothing => {}
            }
        }
        Ok(Self::gather(rows, outside))
    }

    fn gather(rows: Vec<Row>, outside: u64) -> Self {
        let percent = rows.iter().filter_map(|row| row.confidence).any(|confidence| confidence > 1.0);
        let known: BTreeSet<u16> = rows.iter().map(|row| row.class).collect();
        let index: BTreeMap<u16, u16> = known.iter().copied().zip(0..).collect();
        let mut gathered: BTreeMap<u32, Vec<MotObject>> = BTreeMap::new();
        for row in rows {
            let confidence = match row.confidence {
                None => Confidence::from_unit(1.0),
                Some(share) => Confidence::from_unit(if percent { share / 100.0 } else { share }),
            };
            let class = index.get(&row.class).copied().unwrap_or_default();
            gathered.entry(row.frame).or_default().push(MotObject {
                track: row.track,
                detection: Detection { bbox: row.bbox, class, confidence },
                considered: row.confidence != Some(0.0),
            });
        }
        Self { classes: known.into_iter().map(class_name).collect(), rows: gathered, outside }
    }

    /// The considered rows as detections: every frame from the first to the last, empty ones too.
    #[must_use]
    pub(crate) fn detections(&self, sequence: &Sequence) -> SegmentDetections {
        let frames = self.frames().map(|(frame, objects)| DetectedFrame {
            time: sequence.rate.time(sequence.start, frame),
            detections: objects.map(|object| object.detection).collect(),
        });
        SegmentDetections {
            frame_size: sequence.size,
            classes: self.classes.clone(),
            frames: frames.collect(),
        }
    }

    /// The considered rows that have an id, as tracks: every frame from the first to the last, empty ones too.
    #[must_use]
    pub(crate) fn tracks(&self, sequence: &Sequence) -> Vec<TrackedFrame> {
        let tracked = |object: &MotObject| {
            let Detection { bbox, class, confidence } = object.detection;
            object.track.map(|track| TrackedObject { track, bbox: bbox.into(), class, confidence })
        };
        let frame = |(frame, objects): (u32, Box<dyn Iterator<Item = &MotObject>>)| {
            let mut objects: Vec<TrackedObject> = objects.filter_map(tracked).collect();
            objects.sort_by_key(|object| object.track);
            TrackedFrame { time: sequence.rate.time(sequence.start, frame), objects }
        };
        self.frames().map(frame).collect()
    }

    fn frames(&self) -> impl Iterator<Item = (u32, Box<dyn Iterator<Item = &MotObject> + '_>)> {
        let last = self.rows.last_key_value().map_or(0, |(frame, _)| *frame);
        (1..=last).map(|frame| {
            let objects = self.rows.get(&frame).into_iter().flatten().filter(|object| object.considered);
            (frame, Box::new(objects) as Box<dyn Iterator<Item = &MotObject>>)
        })
    }
}

fn class_name(number: u16) -> String {
    let name = usize::from(number).checked_sub(1).and_then(|index| CLASSES.get(index));
    name.map_or_else(|| format!("class {number}"), |name| (*name).to_owned())
}

/// The number of the class with this name; -1 where MOTChallenge has none.
fn class_number(name: &str) -> i32 {
    let known = CLASSES.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, number)| number);
    known.or_else(|| name.strip_prefix("class ")?.parse().ok()).unwrap_or(-1)
}

/// Writes tracks as rows of nine columns, class and an unknown visibility (-1) included. Their frame numbers are
/// those closest to their media times.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_tracks<'f>(
    out: &mut impl Write,
    frames: impl IntoIterator<Item = &'f TrackedFrame>,
    classes: &[String],
    sequence: &Sequence,
) -> io::Result<()> {
    let (across, down) = (f64::from(sequence.size.width), f64::from(sequence.size.height));
    for frame in frames {
        let number = sequence.rate.frame(sequence.start, frame.time);
        for TrackedObject { track, bbox, class, confidence } in &frame.objects {
            let class = classes.get(usize::from(*class)).map_or(-1, |name| class_number(name));
            writeln!(
                out,
                "{number},{},{:.4},{:.4},{:.4},{:.4},{:.4},{class},-1",
                track.0,
                bbox.left * across,
                bbox.top * down,
                bbox.width() * across,
                bbox.height() * down,
                confidence.as_unit(),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::BufReader, path::PathBuf};

    use camcount_domain::{BBox, GRID};
    use proptest::prelude::*;

    use super::*;

    fn sequence(rate: &str) -> Sequence {
        let size = FrameSize { width: 640, height: 320 };
        Sequence { size, rate: rate.parse().unwrap(), start: MediaTime(0) }
    }

    fn read(text: &str) -> Result<Mot, MotError> {
        Mot::read(text.as_bytes(), &sequence("10"))
    }

    #[test]
    fn reads_rows_of_every_length() {
        let text = "# left half\n1,7,0,0,320,160\n\n1, 8, 0, 0, 320, 160, 0.5 # dubious\r\n\
                    3 -1 0 0 320 160 1 3\n2,9.0,0,0,320,160,0,12,1\n4,-1,0,0,320,160,-1,-6.1,2.5,0\n";
        let mot = read(text).unwrap();
        assert_eq!(mot.classes, ["person", "car", "reflection"]);
        let (half, one) = (GRID / 2, Confidence(10_000));
        let first = mot.rows[&1][0];
        assert_eq!(first.detection.bbox, BBox { left: 0, top: 0, right: half, bottom: half });
        assert_eq!((first.track, first.detection.confidence), (Some(TrackId(7)), one));
        assert_eq!(mot.rows[&1][1].detection.confidence, Confidence(5_000));
        assert_eq!((mot.rows[&3][0].track, mot.rows[&3][0].detection.class), (None, 1));
        assert!(!mot.rows[&2][0].considered, "ground truth to be ignored");
        assert_eq!((mot.rows[&4][0].detection.class, mot.rows[&4][0].detection.confidence), (0, one));
    }

    #[test]
    fn frames_without_rows_are_frames() {
        let mot = read("4,1,0,0,9,9\n2,1,0,0,9,9\n").unwrap();
        let frames = mot.detections(&sequence("30000/1001")).frames;
        let seen: Vec<_> = frames.iter().map(|f| (f.time.0, f.detections.len())).collect();
        assert_eq!(seen, [(0, 0), (33_366, 1), (66_733, 0), (100_100, 1)]);
        assert_eq!(mot.tracks(&sequence("10")).len(), 4);
    }

    #[test]
    fn boxes_are_clipped_to_the_picture() {
        let mot = read("1,1,-20,-30,40,60\n1,2,630,310,90,90\n1,3,640,0,9,9\n1,4,10,10,0,5\n").unwrap();
        let boxes: Vec<_> = mot.rows[&1].iter().map(|o| o.detection.bbox).collect();
        assert_eq!(boxes[0], BBox { left: 0, top: 0, right: 1024, bottom: 3072 });
        assert_eq!((boxes[1].right, boxes[1].bottom, boxes.len(), mot.outside), (GRID, GRID, 2, 2));
    }

    #[test]
    fn confidences_above_one_are_percent() {
        let mot = read("1,-1,0,0,9,9,42.848\n1,-1,0,0,9,9,0.9\n1,-1,0,0,9,9,-3\n1,-1,0,0,9,9,120\n").unwrap();
        let confidences: Vec<_> = mot.rows[&1].iter().map(|o| o.detection.confidence.0).collect();
        assert_eq!(confidences, [4_285, 90, 0, 10_000]);
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        let cases = [
            ("1,1,0,0,9,9\n1,2,3,4,5\n", "line 2: 5 columns"),
            ("a,1,0,0,9,9", "line 1: frame (column 1) is \"a\", no number"),
            ("1.5,1,0,0,9,9", "line 1: frame (column 1) is 1.5, no whole number"),
            ("0,1,0,0,9,9", "line 1: frame (column 1) is 0; frames are numbered from 1"),
            ("1,1,0,nan,9,9", "line 1: top (column 4) is \"nan\", no number"),
            ("1,1,0,0,-9,9", "line 1: the box is -9 wide"),
            (&"1,".repeat(600), "line 1: longer than"),
        ];
        for (text, part) in cases {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        let binary = Mot::read(&b"1,1,0,0,9,9\n\xff\xfe"[..], &sequence("10")).unwrap_err().to_string();
        assert!(binary.contains("line 2: no text"), "{binary}");
    }

    fn row() -> impl Strategy<Value = String> {
        let id = prop_oneof![Just(-1), 1..99_i64];
        let confidence = prop_oneof![Just("-1".to_owned()), (0..=1000_u32).prop_map(|v| format!("0.{v:03}"))];
        (1..400_u32, id, -100..700_i32, -100..400_i32, 0..300_u32, 0..300_u32, confidence, 1..15_u16)
            .prop_map(|(f, id, x, y, w, h, c, class)| format!("{f},{id},{x}.5,{y},{w}.25,{h},{c},{class},1"))
    }

    proptest! {
        #[test]
        fn no_text_is_too_wild(text in "\\PC{0,200}|([0-9.,# \n-]|inf|NaN|1e308){0,200}") {
            if let Ok(mot) = read(&text) {
                prop_assert!(mot.rows.keys().all(|frame| *frame > 0));
            }
        }

        #[test]
        fn what_was_written_reads_the_same(rows in prop::collection::vec(row(), 0..40)) {
            let sequence = sequence("30000/1001");
            let mot = read(&rows.join("\n")).unwrap();
            let tracks = mot.tracks(&sequence);
            let mut text = Vec::new();
            write_tracks(&mut text, &tracks, &mot.classes, &sequence).unwrap();
            let again = Mot::read(&text[..], &sequence).unwrap();
            let named = |mot: &Mot| {
                let mut frames = mot.tracks(&sequence);
                frames.retain(|frame| !frame.objects.is_empty());
                let with_names = frames.into_iter().map(|frame| {
                    let of = |o: TrackedObject| (o.track, o.bbox, mot.classes[usize::from(o.class)].clone(), o.confidence);
                    (frame.time, frame.objects.into_iter().map(of).collect::<Vec<_>>())
                });
                with_names.collect::<Vec<_>>()
            };
            prop_assert_eq!(named(&mot), named(&again));
        }
    }

    /// Real sequences: rows in all, rows to be considered, last frame.
    #[test]
    fn reads_the_benchmarks_own_files() {
        let at_hand = std::env::var_os("CAMCOUNT_TEST_DATA").map(PathBuf::from);
        let data = at_hand.unwrap_or_else(|| [env!("CARGO_MANIFEST_DIR"), "../shared/data"].iter().collect());
        if !data.is_dir() {
            eprintln!("SKIPPED: no test data at {}; set CAMCOUNT_TEST_DATA", data.display());
            return;
        }
        let cases = [
            ("MOT15/PETS09-S2L1/gt/gt_480x360.txt", (480, 360), (4_650, 4_650, 795)),
            ("MOT15/TUD-Campus/det/det.txt", (640, 480), (322, 322, 71)),
            ("MOT17/MOT17-04-FRCNN/gt/gt.txt", (1920, 1080), (108_005, 47_557, 1050)),
            ("MOT17/MOT17-04-FRCNN/det/det.txt", (1920, 1080), (28_406, 28_406, 1050)),
            ("MOT17/MOT17-05-FRCNN/ref_tracker/Lif_T.txt", (640, 480), (4_339, 4_339, 837)),
        ];
        for (file, (width, height), (all, considered, last)) in cases {
            let sequence = Sequence { size: FrameSize { width, height }, ..sequence("30") };
            let text = BufReader::new(File::open(data.join("mot").join(file)).unwrap());
            let mot = Mot::read(text, &sequence).unwrap();
            let rows = || mot.rows.values().flatten();
            let counted = rows().filter(|o| o.considered).count();
            assert_eq!(rows().count() as u64 + mot.outside, all, "{file}");
            assert_eq!((counted, mot.rows.keys().last().copied()), (considered, Some(last)), "{file}");
        }
    }
}
