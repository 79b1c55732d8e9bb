//! Bringing a database to the newest schema. Any number of processes may do so at once: each waits for the lock of
//! the one before it, and finds nothing left to do.

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    migrate::{MigrateError, Migrator},
};

use super::{DatabaseUrl, failed};
use crate::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// A step from one schema to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// What it brings.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// The migrations of one database.
#[derive(Debug)]
pub struct Migrations {
    place: String,
    /// The session that will hold the lock. It ends with this, and the lock with it.
    connection: PgConnection,
}

impl Migrations {
    /// Connects to a database of whatever schema.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let place = url.to_string();
        let connection = url.options.connect().await.map_err(failed(&place, "connect"))?;
        Ok(Self { place, connection })
    }

    /// All there are, in order, with whether the database has them.
    ///
    /// # Errors
    /// When the database is away, or has a schema that this camcount does not know.
    pub async fn status(&mut self) -> Result<Vec<MigrationStatus>, StoreError> {
        let applied = applied(&mut self.connection).await.map_err(failed(&self.place, "list migrations"))?;
        let known: Vec<_> = ups()
            .map(|(version, description)| MigrationStatus {
                version,
                description: description.to_owned(),
                applied: applied.contains(&version),
            })
            .collect();
        if applied.iter().all(|version| known.iter().any(|step| step.version == *version)) {
            Ok(known)
        } else {
            Err(StoreError::NewerSchema { place: self.place.clone() })
        }
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// As [`Self::status`], or when the user lacks the right to make tables.
    pub async fn run(&mut self) -> Result<(), StoreError> {
        MIGRATIONS.run(&mut self.connection).await.map_err(|error| self.refused(error))
    }

    /// Takes every migration back, and with them everything stored.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn undo(&mut self) -> Result<(), StoreError> {
        MIGRATIONS.undo(&mut self.connection, 0).await.map_err(|error| self.refused(error))
    }

    fn refused(&self, error: MigrateError) -> StoreError {
        let place = self.place.clone();
        match error {
            MigrateError::VersionMissing(_) => StoreError::NewerSchema { place },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                StoreError::Database { place, verb: "migrate", source }
            }
            source => StoreError::Migration { place, source },
        }
    }
}

/// Refuses a database whose schema lacks something.
pub(super) async fn check(url: &DatabaseUrl) -> Result<(), StoreError> {
    let Migrations { place, mut connection } = Migrations::connect(url).await?;
    let applied = applied(&mut connection).await.map_err(failed(&place, "look at the schema"))?;
    connection.close().await.map_err(failed(&place, "disconnect"))?;
    if ups().all(|(version, _)| applied.contains(&version)) {
        Ok(())
    } else {
        Err(StoreError::OlderSchema { place })
    }
}

/// Version and description of every migration, in order.
fn ups() -> impl Iterator<Item = (i64, &'static str)> {
    let ups = MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration());
    ups.map(|migration| (migration.version, migration.description.as_ref()))
}

/// The versions that a database has.
async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(connection)
        .await
}
