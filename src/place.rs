//! Where camcount keeps what it knows: a data folder for one process, or a database and a bucket for many machines.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use camcount_blob::{BlobError, Blobs, Folder, S3};
use camcount_store::{Postgres, PostgresOptions, Sqlite, Store};

use crate::config::{BlobsAt, Config};

/// What is known, and where bytes lie.
pub(crate) struct Place {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Artifacts.
    pub blobs: Arc<dyn Blobs>,
    /// The same store where its counts lie in months.
    pub months: Option<Postgres>,
    /// Of a data folder, which is one process's alone.
    _lock: Option<File>,
}

impl Place {
    /// What many machines share, where the settings name a database, and otherwise the data folder.
    pub(crate) async fn of(config: &Config) -> Result<Self> {
        if config.is_shared() { Self::shared(config).await } else { Self::folder(&config.data_dir).await }
    }

    /// What many machines share: a PostgreSQL database, and blobs in S3 or in a folder that all of them mount.
    pub(crate) async fn shared(config: &Config) -> Result<Self> {
        let store = Postgres::connect(&PostgresOptions::new(config.database_url()?)).await?;
        let blobs: Arc<dyn Blobs> = match config.blobs()? {
            BlobsAt::S3(options) => Arc::new(S3::open(&options).await?),
            BlobsAt::Folder(folder) => Arc::new(Folder::open(&folder)?),
        };
        Ok(Self::around(store, blobs))
    }

    /// The same for whoever keeps a spool: what is wrong with the bucket is said, and waited for.
    pub(crate) async fn spooling(config: &Config) -> Result<Self> {
        let BlobsAt::S3(options) = config.blobs()? else { return Self::shared(config).await };
        let store = Postgres::connect(&PostgresOptions::new(config.database_url()?)).await?;
        let bucket = match S3::open(&options).await {
            Err(error @ BlobError::Storage { .. }) => {
                let bucket = S3::open_unseen(&options).await?;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what is recorded waits in the spool");
                bucket
            }
            bucket => bucket?,
        };
        Ok(Self::around(store, Arc::new(bucket)))
    }

    fn around(store: Postgres, blobs: Arc<dyn Blobs>) -> Self {
        Self { store: Arc::new(store.clone()), blobs, months: Some(store), _lock: None }
    }

    /// A data folder, ours alone while this lives. It is made if it is missing.
    pub(crate) async fn folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| {
            format!("the data folder {} cannot be made; choose another with --data-dir", path.display())
        })?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).with_context(|| {
            format!("the data folder {} cannot be written; choose another with --data-dir", path.display())
        })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another camcount is at work in the data folder {}; wait for it, or choose another with --data-dir",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} cannot be locked", lock_path.display()));
            }
        }
        let store = Sqlite::open(&path.join("camcount.db")).await?;
        let blobs = Folder::open(&path.join("blobs"))?;
        Ok(Self { store: Arc::new(store), blobs: Arc::new(blobs), months: None, _lock: Some(lock) })
    }
}
