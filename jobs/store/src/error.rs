//! Why the store refused or failed.

use camcount_domain::{CameraId, DetectorVersion, MediaTime, PassId, RulesetVersion, Seq};
use sqlx::postgres::PgDatabaseError;

use crate::Month;

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database did not do what was asked: unreachable, full, locked, of another schema.
    #[error("the store at {place} failed to {verb}; {}", remedy(.place, .source))]
    Database {
        /// Where the database is, without credentials.
        place: String,
        /// What was asked.
        verb: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the store at {place} could not be migrated; was it written by a newer camcount?")]
    Migration {
        /// Where the database is, without credentials.
        place: String,
        /// What went wrong.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The database has not been migrated to what this camcount needs.
    #[error("the store at {place} has no schema or an older one; run camcount migrate")]
    OlderSchema {
        /// Where the database is, without credentials.
        place: String,
    },
    /// The database was migrated by a newer camcount.
    #[error("the store at {place} was migrated by a newer camcount; use that one")]
    NewerSchema {
        /// Where the database is, without credentials.
        place: String,
    },
    /// A month is to be opened that is on its way out.
    #[error("month {month} is being detached and dropped; open it again when that is done")]
    MonthLeaves {
        /// The month.
        month: Month,
    },
    /// A month is to be detached that has no partitions.
    #[error("month {month} is not open, so there is nothing to detach")]
    MonthNotOpen {
        /// The month.
        month: Month,
    },
    /// A month is to be dropped that still belongs to the tables.
    #[error("month {month} is not detached; detach and archive it before it is dropped")]
    MonthNotDetached {
        /// The month.
        month: Month,
    },
    /// A month is to be dropped of which no verified archive is known.
    #[error(
        "month {month} has no archive that was read back and verified, and dropping it would lose its counts; \
         archive it first"
    )]
    MonthNotArchived {
        /// The month.
        month: Month,
    },
    /// A row holds what no version of camcount writes.
    #[error("the store holds an unreadable {what}; restore it from a backup, or start a new data folder")]
    Corrupt {
        /// Which kind of row.
        what: &'static str,
    },
    /// A recording overlaps with or lies before footage that is already cut.
    #[error(
        "recording {source_name} starts at {start}, before the end of the footage already there ({end}); \
         recordings of one camera must follow one another"
    )]
    Overlap {
        /// The recording.
        source_name: String,
        /// Its start.
        start: MediaTime,
        /// The end of the footage that is there.
        end: MediaTime,
    },
    /// A name and version that another model has.
    #[error(
        "{name}@{version} is registered already, with {by}; give this one another version, or remove that one first"
    )]
    ModelTaken {
        /// The name.
        name: String,
        /// The version.
        version: String,
        /// What makes the registered one another.
        by: &'static str,
    },
    /// A name that another camera has.
    #[error("another camera is called {name:?}; choose another name, or remove that one first")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A camera that nobody registered.
    #[error("no camera {0} is registered")]
    NoCamera(CameraId),
    /// A segment that was never cut.
    #[error("camera {camera} has no segment {seq}")]
    NoSegment {
        /// The camera.
        camera: CameraId,
        /// The segment.
        seq: Seq,
    },
    /// A pass that nobody opened.
    #[error("no pass {0} is open")]
    NoPass(PassId),
    /// A detector that nobody registered.
    #[error("no detector {0} is registered")]
    NoDetector(DetectorVersion),
    /// A ruleset that nobody registered.
    #[error("no ruleset {0} is registered")]
    NoRuleset(RulesetVersion),
}

impl StoreError {
    /// Whether asking again later may help: the database is away, busy or full, and nothing is wrong with what
    /// was asked.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        match source {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed => true,
            source => match postgres_code(source) {
                Some(code) => is_away(code),
                None => primary_code(source).is_some_and(|code| AWAY.iter().any(|(away, _)| *away == code)),
            },
        }
    }
}

/// SQLite's primary codes (<https://sqlite.org/rescode.html>) for a database that is busy, locked, read-only, out of
/// order, full, or cannot be opened, and what people can do about it.
const AWAY: [(u32, &str); 6] = [
    (5, "another program is at work in it; wait for it"),
    (6, "another program is at work in it; wait for it"),
    (8, "it must be writable"),
    (10, "check its disk, and whether files there may grow"),
    (13, "free some space on its disk"),
    (14, "it must be a file in a folder that can be written"),
];

fn remedy(place: &str, error: &sqlx::Error) -> &'static str {
    if place.starts_with("postgres:") { remedy_at_server(error) } else { remedy_on_disk(error) }
}

fn remedy_on_disk(error: &sqlx::Error) -> &'static str {
    /// "Is no database", and "is damaged".
    const NO_STORE: [u32; 2] = [26, 11];
    match primary_code(error) {
        Some(code) if NO_STORE.contains(&code) => "restore it from a backup, or choose another data folder",
        Some(code) => AWAY.iter().find(|(away, _)| *away == code).map_or(UNKNOWN, |(_, remedy)| remedy),
        None => UNKNOWN,
    }
}

/// Whatever it may be, its disk is behind most of it.
const UNKNOWN: &str = "check its disk";

fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(error) = error else { return None };
    // The low byte is the primary code; the rest tells its kinds apart.
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}

/// Whether PostgreSQL's code says that it is away or busy
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_away(code: &str) -> bool {
    // Connection trouble, transactions that gave way, out of space or connections, an operator's doing, I/O.
    const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];
    // Read-only, as after a failover; a lock that was not to be had.
    CLASSES.contains(&code.get(..2).unwrap_or_default()) || ["25006", "55P03"].contains(&code)
}

fn remedy_at_server(error: &sqlx::Error) -> &'static str {
    match (error, postgres_code(error)) {
        (sqlx::Error::Io(_), _) => "is the server running, and are host and port right?",
        (sqlx::Error::PoolTimedOut, _) => "is the server up, and does it allow enough connections?",
        (sqlx::Error::Tls(_), _) => "check the server's certificate, and sslmode and sslrootcert in the URL",
        (_, Some("28P01" | "28000")) => "check user and password in the URL, and pg_hba.conf on the server",
        (_, Some("3D000")) => "create the database with createdb",
        (_, Some("42501")) => "migrations and partitions need a user who owns the database and its tables",
        (_, Some("53100")) => "free some space on the server's disk",
        (_, Some("53300")) => "raise max_connections on the server, or use fewer processes",
        (_, Some("25006")) => "this is a replica, name the primary in the URL",
        _ => "the server's log may say more",
    }
}

fn postgres_code(error: &sqlx::Error) -> Option<&str> {
    let sqlx::Error::Database(error) = error else { return None };
    error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code)
}
