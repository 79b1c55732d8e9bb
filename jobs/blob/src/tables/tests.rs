//! Both files of a table say the same, and nobody sees half of one.

use std::fs;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type, TimestampMicrosecondType},
};
use arrow_schema::DataType;
use camcount_domain::{Confidence, Direction, MediaTime, TrackId};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn origin(camera: &str) -> Origin {
    Origin {
        camera: camera.to_owned(),
        ruleset: RulesetVersion("rules@0".to_owned()),
        detector: DetectorVersion("motion@1".to_owned()),
    }
}

fn crossing(n: i64) -> Crossing {
    Crossing {
        line: ["gate", "a \"quoted\", line", "two\nlines", "käfer 🚗", ""][n as usize % 5].to_owned(),
        direction: if n % 2 == 0 { Direction::In } else { Direction::Out },
        time: MediaTime(1_777_622_400_000_000 + n * 1_234_567),
        track: TrackId(n as u64 + 1),
        ordinal: n as u32 % 3,
        class: "car".to_owned(),
        confidence: Confidence(n as u16 % 10_001),
        stitched: n % 7 == 0,
    }
}

fn parquet(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

/// A Parquet cell as CSV has it.
fn cell(column: &dyn Array, row: usize) -> String {
    match column.data_type() {
        DataType::Timestamp(..) => {
            MediaTime(column.as_primitive::<TimestampMicrosecondType>().value(row)).to_string()
        }
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        other => panic!("an unexpected type: {other}"),
    }
}

#[test]
fn parquet_and_csv_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::create(folder.path()).unwrap();
    let rows: Vec<_> = (0..20_000).map(crossing).collect();
    export.crossings.append(&origin("gate, north"), &rows[..3]).unwrap();
    export.crossings.append(&origin("yard"), &rows[3..]).unwrap();
    export.finish().unwrap();

    let mut csv = csv::Reader::from_path(folder.path().join("crossings.csv")).unwrap();
    let header: Vec<_> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let mut lines = csv.records();
    let batches = parquet(&folder.path().join("crossings.parquet"));
    let mut seen = 0;
    for batch in &batches {
        let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, header);
        for row in 0..batch.num_rows() {
            let line = lines.next().unwrap().unwrap();
            for (column, text) in batch.columns().iter().zip(&line) {
                assert_eq!(cell(column, row), text);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, rows.len());
    assert!(lines.next().is_none());
}

#[test]
fn files_are_read_by_people_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::create(folder.path()).unwrap();
    export.crossings.append(&origin("gate"), &[crossing(1)]).unwrap();
    export
        .coverage
        .append(&origin("gate"), &[CoverageBucket { start: MediaTime(0), observed_us: 9, gap_us: 1 }])
        .unwrap();
    let paths = export.finish().unwrap();
    assert_eq!(paths.len(), 12);
    assert_eq!(
        fs::read_to_string(folder.path().join("crossings.csv")).unwrap(),
        "camera,media_time,line,direction,class,confidence,track,ordinal,stitched,ruleset,detector\n\
         gate,2026-05-01T08:00:01.234567Z,\"a \"\"quoted\"\", line\",out,car,0.0001,2,1,false,rules@0,motion@1\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("coverage.csv")).unwrap(),
        "camera,bucket_start,bucket_end,observed_us,gap_us,ruleset,detector\n\
         gate,1970-01-01T00:00:00.000000Z,1970-01-01T00:00:10.000000Z,9,1,rules@0,motion@1\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("frames.csv")).unwrap(),
        "camera,media_time,detected,tracked,ruleset,detector\n",
        "an empty table has its header"
    );
    assert_eq!(parquet(&folder.path().join("frames.parquet")).len(), 0);
}

#[test]
fn equal_rows_give_equal_files() {
    let export_once = || {
        let folder = tempfile::tempdir().unwrap();
        let mut export = Export::create(folder.path()).unwrap();
        let rows: Vec<_> = (0..500).map(crossing).collect();
        export.crossings.append(&origin("gate"), &rows).unwrap();
        export.finish().unwrap();
        fs::read(folder.path().join("crossings.parquet")).unwrap()
    };
    assert!(export_once() == export_once());
}

#[test]
fn an_unfinished_export_leaves_nothing_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Export::create(folder.path()).unwrap().finish().unwrap();
    let before = fs::read(folder.path().join("crossings.csv")).unwrap();
    fs::write(folder.path().join("visits.csv.partial"), "left by one that was killed").unwrap();

    let mut export = Export::create(folder.path()).unwrap();
    export.crossings.append(&origin("gate"), &[crossing(1)]).unwrap();
    let busy = Export::create(folder.path()).err().unwrap();
    assert!(matches!(busy, ExportError::Busy { .. }), "{busy}");
    drop(export);
    assert_eq!(fs::read(folder.path().join("crossings.csv")).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 12);
}

#[test]
fn failures_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    fs::write(&file, "").unwrap();
    let text = Export::create(&file).err().unwrap().to_string();
    assert!(
        text.starts_with("could not make the folder /") && text.contains("in each other's way"),
        "{text}"
    );
}
