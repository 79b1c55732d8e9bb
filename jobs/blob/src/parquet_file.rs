//! How camcount writes Parquet: equal content gives equal bytes, and every reader understands the types.

use std::io::Write;

use arrow_schema::{DataType, Field, FieldRef, SchemaRef, TimeUnit};
use parquet::{
    arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions},
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};

/// Rows that are held in memory until they are written as one row group.
const ROW_GROUP_ROWS: usize = 1 << 16;

/// Rows that are held as values until they are compressed as one page: few, so that memory does not grow with the rows.
const PAGE_ROWS: usize = 1 << 12;

/// The type of a media time.
pub(crate) fn media_time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

/// A writer of rows of `schema`, with `notes` for those who read the file's metadata.
pub(crate) fn writer<W: Write + Send>(
    out: W,
    schema: SchemaRef,
    notes: &[(&str, String)],
) -> Result<ArrowWriter<W>, ParquetError> {
    let notes = notes.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by("camcount".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_key_value_metadata(Some(notes));
    // Measurements hardly repeat, so a dictionary of them is a burden; alike bytes side by side compress.
    let measured = |field: &&FieldRef| matches!(field.data_type(), DataType::Float32 | DataType::Float64);
    for field in schema.fields().iter().filter(measured) {
        let column = ColumnPath::from(field.name().as_str());
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT);
    }
    // The Parquet types say it all; the Arrow schema beside them would only be larger.
    let options =
        ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(out, schema, options)
}
