//! `--out`: a pass's counts from the store into an export's tables, a batch at a time.

use std::path::Path;

use anyhow::Result;
use camcount_blob::tables::{Export, Origin, Record, Table};
use camcount_domain::PassId;
use camcount_store::{Rows, Store};
use futures::{StreamExt, TryStreamExt};

/// Rows that are held at a time.
const BATCH: usize = 4096;

/// Writes all that `passes` counted, each under its origin, into `folder`.
pub(crate) async fn write(store: &dyn Store, passes: &[(Origin, PassId)], folder: &Path) -> Result<()> {
    let mut export = Export::create(folder)?;
    for (origin, pass) in passes {
        copy(store.crossings(pass), origin, &mut export.crossings).await?;
        copy(store.visits(pass), origin, &mut export.visits).await?;
        copy(store.line_buckets(pass), origin, &mut export.line_counts).await?;
        copy(store.zone_buckets(pass), origin, &mut export.zone_counts).await?;
        copy(store.coverage(pass), origin, &mut export.coverage).await?;
        copy(store.frames(pass), origin, &mut export.frames).await?;
    }
    export.finish()?;
    Ok(())
}

async fn copy<R: Record>(rows: Rows<'_, R>, origin: &Origin, table: &mut Table<R>) -> Result<()> {
    let mut batches = rows.try_chunks(BATCH).boxed_local();
    while let Some(batch) = batches.next().await {
        table.append(origin, &batch.map_err(|e| e.1)?)?;
    }
    Ok(())
}
