//! One table on its way into a Parquet and a CSV file.

use std::{error::Error, io, iter, marker::PhantomData, path::Path, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use super::{
    ExportError, Origin, Read, Record,
    aside::{Aside, Complete},
};
use crate::{
    parquet_file::{self, field, media_time},
    port,
};

/// Rows that are turned into columns at once; what bounds the memory beside Parquet's own row group.
const BATCH_ROWS: usize = 8_192;

const CAMERA: &str = "camera";
const RULESET: &str = "ruleset";
const DETECTOR: &str = "detector";

/// A table of rows of one kind.
pub struct Table<R> {
    schema: SchemaRef,
    parquet: ArrowWriter<Aside>,
    csv: csv::Writer<Aside>,
    /// One line of the CSV file.
    line: csv::StringRecord,
    kind: PhantomData<fn(&R)>,
}

impl<R: Record> Table<R> {
    /// An empty table in `folder`.
    pub(super) fn create(folder: &Path) -> Result<Self, ExportError> {
        let own = R::COLUMNS.iter().map(|column| field(column.name, data_type(&column.read)));
        let text = |name| field(name, DataType::Utf8);
        let fields: Vec<_> =
            iter::once(text(CAMERA)).chain(own).chain([text(RULESET), text(DETECTOR)]).collect();
        let schema = Arc::new(Schema::new(fields));
        let parquet = Aside::create(folder.join(format!("{}.parquet", R::TABLE)))?;
        let csv = Aside::create(folder.join(format!("{}.csv", R::TABLE)))?;
        let path = parquet.path().to_owned();
        let parquet = parquet_file::writer(parquet, Arc::clone(&schema), &[])
            .map_err(|error| of_parquet(&path, error))?;
        let path = csv.path().to_owned();
        let mut csv = csv::Writer::from_writer(csv);
        csv.write_record(schema.fields().iter().map(|field| field.name()))
            .map_err(|error| of_csv(&path, error))?;
        Ok(Self { schema, parquet, csv, line: csv::StringRecord::new(), kind: PhantomData })
    }

    /// Adds rows, all of one origin.
    ///
    /// # Errors
    /// [`ExportError::Storage`]; the export cannot be finished then.
    pub fn append(&mut self, origin: &Origin, rows: &[R]) -> Result<(), ExportError> {
        for rows in rows.chunks(BATCH_ROWS) {
            self.append_to_parquet(origin, rows)
                .map_err(|error| of_parquet(self.parquet.inner().path(), error))?;
            for row in rows {
                self.append_to_csv(origin, row).map_err(|error| of_csv(self.csv.get_ref().path(), error))?;
            }
        }
        Ok(())
    }

    fn append_to_parquet(&mut self, origin: &Origin, rows: &[R]) -> Result<(), ParquetError> {
        let same =
            |text: &str| Arc::new(StringArray::from_iter_values(rows.iter().map(|_| text))) as ArrayRef;
        let columns = iter::once(same(&origin.camera))
            .chain(R::COLUMNS.iter().map(|column| array(&column.read, rows)))
            .chain([same(&origin.ruleset.0), same(&origin.detector.0)]);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
        self.parquet.write(&batch)
    }

    fn append_to_csv(&mut self, origin: &Origin, row: &R) -> Result<(), csv::Error> {
        self.line.clear();
        self.line.push_field(&origin.camera);
        for column in R::COLUMNS {
            match &column.read {
                Read::Text(read) => self.line.push_field(read(row)),
                Read::Time(read) => self.line.push_field(&read(row).to_string()),
                Read::Whole(read) => self.line.push_field(&read(row).to_string()),
                Read::Real(read) => self.line.push_field(&read(row).to_string()),
                Read::Flag(read) => self.line.push_field(if read(row) { "true" } else { "false" }),
            }
        }
        self.line.push_field(&origin.ruleset.0);
        self.line.push_field(&origin.detector.0);
        self.csv.write_record(&self.line)
    }

    /// Both files, complete but not yet named.
    pub(super) fn complete(self) -> Result<[Complete; 2], ExportError> {
        let path = self.parquet.inner().path().to_owned();
        let parquet = self.parquet.into_inner().map_err(|error| of_parquet(&path, error))?;
        let path = self.csv.get_ref().path().to_owned();
        let csv = self.csv.into_inner().map_err(|error| {
            let error = error.error();
            ExportError::of_file("write", &path, io::Error::new(error.kind(), error.to_string()))
        })?;
        Ok([parquet.complete()?, csv.complete()?])
    }
}

fn data_type<R>(read: &Read<R>) -> DataType {
    match read {
        Read::Time(_) => media_time(),
        Read::Text(_) => DataType::Utf8,
        Read::Whole(_) => DataType::Int64,
        Read::Real(_) => DataType::Float64,
        Read::Flag(_) => DataType::Boolean,
    }
}

fn array<R>(read: &Read<R>, rows: &[R]) -> ArrayRef {
    match read {
        Read::Time(read) => {
            let times = rows.iter().map(|row| read(row).0);
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        Read::Text(read) => Arc::new(StringArray::from_iter_values(rows.iter().map(read))),
        Read::Whole(read) => Arc::new(Int64Array::from_iter_values(rows.iter().map(read))),
        Read::Real(read) => Arc::new(Float64Array::from_iter_values(rows.iter().map(read))),
        Read::Flag(read) => Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(read(row))))),
    }
}

fn of_parquet(path: &Path, error: ParquetError) -> ExportError {
    storage(path, error)
}

fn of_csv(path: &Path, error: csv::Error) -> ExportError {
    storage(path, error)
}

/// What a writer says about a file; the remedy is that of the I/O error behind it, if there is one.
fn storage(path: &Path, source: impl Error + Send + Sync + 'static) -> ExportError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&source);
    let mut remedy = "check the disk";
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            remedy = port::remedy(error);
        }
        cause = error.source();
    }
    ExportError::Storage { action: "write", path: path.to_owned(), remedy, source: source.into() }
}
