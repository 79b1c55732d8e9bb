//! Where a PostgreSQL database is, so that printing it gives no secret away.

use std::{fmt, str::FromStr};

use sqlx::postgres::PgConnectOptions;

/// A URL like `postgres://user:password@host:5432/database?sslmode=verify-full`. What it leaves out comes from the
/// variables that `psql` heeds too (`PGHOST`, `PGPASSWORD`, …) and from `~/.pgpass`. Printed without password and
/// parameters.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(super) options: PgConnectOptions,
}

/// Why a text is no [`DatabaseUrl`]. Says nothing of the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database's URL cannot be read ({0}); write it like postgres://user:password@host:5432/database, with \
     %40 for an @ in the password"
)]
pub struct BadDatabaseUrl(String);

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(BadDatabaseUrl("it does not begin with postgres://".to_owned()));
        }
        let options = text.parse::<PgConnectOptions>().map_err(|error| BadDatabaseUrl(error.to_string()))?;
        Ok(Self { options: options.application_name("camcount") })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        // Without a name, the server takes the user's.
        let database = options.get_database().unwrap_or(options.get_username());
        let user = options.get_username();
        match options.get_socket() {
            Some(socket) => write!(f, "postgres:///{database}?host={}&user={user}", socket.display()),
            None => write!(f, "postgres://{user}@{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_secret() {
        let url: DatabaseUrl =
            "postgres://ann:s3cret@db.example:5433/counts?sslmode=require".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://ann@db.example:5433/counts");
        let url: DatabaseUrl = "postgresql:///counts?host=/run/pg&user=ann&password=s3cret".parse().unwrap();
        assert_eq!(format!("{url:?}"), "postgres:///counts?host=/run/pg&user=ann");
        for bad in [
            "mysql://ann:s3cret@db/x",
            "s3cret",
            "postgres://ann:s3cret@db:port/x",
            "postgres://ann:s3@cret:x@/",
        ] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!error.contains("s3"), "{error}");
        }
    }
}
