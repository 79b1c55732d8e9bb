//! Looked-at frames in PostgreSQL's binary COPY format: by far the most rows there are.

use camcount_domain::{FrameRow, PassId};
use sqlx::PgConnection;

/// Signature, flags (none) and the length of the header's extension (none).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In the place of a row's number of fields.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Bytes sent at a time: enough that sending costs little beside storing.
const CHUNK: usize = 256 << 10;

/// Stores `rows` by `statement`, a `COPY … (pass, media_us, detected, tracked) FROM STDIN (FORMAT binary)`.
pub(super) async fn copy<'r>(
    connection: &mut PgConnection,
    statement: &str,
    pass: &PassId,
    rows: impl IntoIterator<Item = &'r FrameRow>,
) -> Result<(), sqlx::Error> {
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut bytes = Vec::with_capacity(CHUNK + 128);
    bytes.extend_from_slice(HEADER);
    for row in rows {
        bytes.extend_from_slice(&4_i16.to_be_bytes());
        field(&mut bytes, pass.0.as_bytes());
        field(&mut bytes, &row.time.0.to_be_bytes());
        field(&mut bytes, &whole(row.detected).to_be_bytes());
        field(&mut bytes, &whole(row.tracked).to_be_bytes());
        if bytes.len() >= CHUNK {
            copy.send(bytes.as_slice()).await?;
            bytes.clear();
        }
    }
    bytes.extend_from_slice(&TRAILER);
    copy.send(bytes.as_slice()).await?;
    copy.finish().await?;
    Ok(())
}

/// Length and bytes. The only text here is a pass's identity, which is short.
fn field(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
    bytes.extend_from_slice(value);
}

/// No picture holds so many objects that this would round.
fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
