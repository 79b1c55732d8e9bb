//! Counts as files for analysts: every table both as Parquet and as CSV, of the same columns, written row by
//! row and never seen half-written under its name.

mod aside;
mod columns;
mod table;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use camcount_domain::{
    CoverageBucket, Crossing, DetectorVersion, FrameRow, LineBucket, RulesetVersion, Visit, ZoneBucket,
};

pub use columns::{Column, Read, Record};
pub use table::Table;

use crate::port::remedy;

/// Where rows come from: columns of every table, so that rows of several cameras, rulesets and detectors can
/// lie in one file and never mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What people call the camera.
    pub camera: String,
    /// By which rules it was counted.
    pub ruleset: RulesetVersion,
    /// What saw the objects.
    pub detector: DetectorVersion,
}

/// What went wrong with an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Two exports into one folder would overwrite each other.
    #[error("{} is being written by another export; wait for it or choose another folder", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("could not {action} {}: {remedy}", path.display())]
    Storage {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What people can do about it.
        remedy: &'static str,
        /// What was said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ExportError {
    fn of_file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Storage { action, path: path.to_owned(), remedy: remedy(&source), source: source.into() }
    }
}

/// An export in progress. Append to its tables, then [`finish`](Export::finish); until then its files are
/// called `….partial`, and an export that is dropped leaves none.
pub struct Export {
    /// `crossings`: one row a crossing.
    pub crossings: Table<Crossing>,
    /// `visits`: one row a stay in a zone.
    pub visits: Table<Visit>,
    /// `line_counts`: one row a line, class and bucket.
    pub line_counts: Table<LineBucket>,
    /// `zone_counts`: one row a zone and bucket.
    pub zone_counts: Table<ZoneBucket>,
    /// `coverage`: one row a bucket.
    pub coverage: Table<CoverageBucket>,
    /// `frames`: one row a looked-at frame.
    pub frames: Table<FrameRow>,
    /// The folder, locked for as long as this lives, where the file system can.
    _lock: File,
}

impl Export {
    /// Starts an export into `folder`, and makes it where there is none. Files of an earlier export stay as
    /// they are until this one is finished.
    ///
    /// # Errors
    /// [`ExportError::Busy`] when another is at work there, [`ExportError::Storage`].
    pub fn create(folder: &Path) -> Result<Self, ExportError> {
        fs::create_dir_all(folder).map_err(|error| ExportError::of_file("make the folder", folder, error))?;
        let lock =
            File::open(folder).map_err(|error| ExportError::of_file("open the folder", folder, error))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(ExportError::Busy { folder: folder.to_owned() });
        }
        Ok(Self {
            crossings: Table::create(folder)?,
            visits: Table::create(folder)?,
            line_counts: Table::create(folder)?,
            zone_counts: Table::create(folder)?,
            coverage: Table::create(folder)?,
            frames: Table::create(folder)?,
            _lock: lock,
        })
    }

    /// Completes all files, and only then gives them their names, in place of those of an earlier export.
    /// Returns their paths.
    ///
    /// # Errors
    /// [`ExportError::Storage`].
    pub fn finish(self) -> Result<Vec<PathBuf>, ExportError> {
        let complete = [
            self.crossings.complete()?,
            self.visits.complete()?,
            self.line_counts.complete()?,
            self.zone_counts.complete()?,
            self.coverage.complete()?,
            self.frames.complete()?,
        ];
        complete.into_iter().flatten().map(aside::Complete::publish).collect()
    }
}
