//! PostgreSQL databases for tests: on the server that `DATABASE_URL` names, or on a private one that this process
//! starts from Debian's package and that ends with it, whatever ends it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed expectation is a panic, as in any test

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use crate::{DatabaseUrl, Migrations, Postgres, PostgresOptions};

/// Makes a server in a folder of its own, says where its socket is, and ends it when standard input does, which is
/// when the process that holds the other end is gone. Letters have another order there than bytes.
const SERVER: &str = r#"
set -e
trap '' INT TERM HUP
dir=$(mktemp -d /tmp/camcount-postgres.XXXXXX)
trap '"$1/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
chmod 711 "$dir"
"$1/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en \
    --no-sync --no-instructions >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
"$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 120 start >/dev/null -o "-k $dir -c listen_addresses= \
    -c fsync=off -c max_connections=200 -c shared_buffers=64MB" || { cat "$dir/log" >&2; exit 1; }
echo "$dir"
cat >/dev/null
"#;

struct Server {
    /// Of a database to connect to for making others.
    url: String,
    /// Where a private one lies.
    folder: Option<String>,
    /// Holds the server's lifeline. `None` for a server that is not ours.
    _process: Option<Child>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("DATABASE_URL") {
        Ok(url) => Server { url, folder: None, _process: None },
        Err(_) => private_server(),
    })
}

fn private_server() -> Server {
    let programs = programs().expect(
        "no PostgreSQL server is installed; run infra/setup --dev, or set DATABASE_URL to one that these tests \
         may make databases on",
    );
    // The server refuses to run as root.
    let root = rustix::process::geteuid().is_root();
    let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
    if root {
        command.args(["-u", "postgres", "--", "sh"]);
    }
    let mut process = command
        .args(["-c", SERVER, "sh"])
        .arg(programs)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    let mut folder = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut folder).unwrap();
    let folder = folder.trim_end();
    assert!(!folder.is_empty(), "the private PostgreSQL server did not start; see its words above");
    let socket = folder.replace('/', "%2F");
    let url = format!("postgres://postgres@{socket}/postgres");
    Server { url, folder: Some(folder.to_owned()), _process: Some(process) }
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let paths = versions.filter_map(|entry| Some(entry.ok()?.path()));
    let newest = paths.filter(|path| path.join("bin/initdb").exists()).max_by_key(version)?;
    Some(newest.join("bin"))
}

/// A database of a test's own, empty at first. It goes with this value.
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// A database without any tables.
    ///
    /// # Panics
    /// When there is no server.
    #[must_use]
    pub async fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (id, n) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("camcount_test_{id}_{n}");
        // Starting a server takes a while, and blocks.
        let server = tokio::task::spawn_blocking(server).await.unwrap();
        administer(&server.url, &format!("CREATE DATABASE {name}")).await;
        Self { name }
    }

    /// A store on a new database with the newest schema.
    ///
    /// # Panics
    /// When there is no server, or the migrations fail.
    #[must_use]
    pub async fn migrated() -> (Self, Postgres) {
        let database = Self::new().await;
        Migrations::connect(&database.url()).await.unwrap().run().await.unwrap();
        let store = database.store().await;
        (database, store)
    }

    /// Another store on this database, as another process would have it.
    ///
    /// # Panics
    /// When the database has no schema.
    pub async fn store(&self) -> Postgres {
        Postgres::connect(&PostgresOptions::new(self.url())).await.unwrap()
    }

    /// Where it is.
    ///
    /// # Panics
    /// When `DATABASE_URL` cannot be read.
    #[must_use]
    pub fn url(&self) -> DatabaseUrl {
        self.url_text().parse().unwrap()
    }

    /// Where it is, as a setting.
    #[must_use]
    pub fn url_text(&self) -> String {
        let url = &server().url;
        format!("{url}{}dbname={}", if url.contains('?') { '&' } else { '?' }, self.name)
    }
}

/// A reader that does not end: nothing that it has looked at can leave meanwhile.
pub struct EndlessReader {
    _connection: PgConnection,
    pid: i32,
}

impl TestDatabase {
    /// Begins to read counts, and goes on for as long as the value lives.
    ///
    /// # Panics
    /// When the database has no schema.
    #[must_use]
    pub async fn endless_reader(&self) -> EndlessReader {
        let options: PgConnectOptions = self.url_text().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        connection.execute("SELECT FROM crossings").await.unwrap();
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        EndlessReader { _connection: connection, pid }
    }

    /// Whether a partition is half detached.
    ///
    /// # Panics
    /// When the server cannot be asked.
    pub async fn has_pending_detach(&self) -> bool {
        let options: PgConnectOptions = self.url_text().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let pending = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhdetachpending)";
        let pending = sqlx::query_scalar(pending).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        pending
    }

    /// Ends whatever the server is doing in this database, but for `spared`, and waits until it has ended.
    ///
    /// # Panics
    /// When the server cannot be asked.
    pub async fn kill_all_but(&self, spared: Option<&EndlessReader>) {
        let options: PgConnectOptions = self.url_text().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        // A minute is more than any server takes.
        let killed = sqlx::query(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), $1)",
        );
        killed.bind(spared.map_or(0, |reader| reader.pid)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if server()._process.is_some() {
            return; // It goes with its server.
        }
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let drop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(&server().url, &sql));
        };
        // A thread of its own, for this one may belong to a runtime.
        let _ = std::thread::spawn(drop).join();
    }
}

/// Stops the private server as a crash would, and starts it again. All connections are lost, and nothing that was
/// committed.
///
/// # Panics
/// When the server is not ours.
pub fn crash_server() {
    let folder = server().folder.as_deref().expect("a private server");
    let programs = programs().expect("it was started");
    let root = rustix::process::geteuid().is_root();
    let mut command = if root { Command::new("runuser") } else { Command::new("env") };
    if root {
        command.args(["-u", "postgres", "--"]);
    }
    let restarted = command
        .arg(programs.join("pg_ctl"))
        .args(["-D", &format!("{folder}/data"), "-m", "immediate", "-w", "-t", "120", "restart"])
        .args(["-l", &format!("{folder}/log")])
        .current_dir("/")
        .stdout(Stdio::null())
        .status();
    assert!(restarted.expect("pg_ctl runs").success(), "the server did not come back");
}

async fn administer(url: &str, sql: &str) {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}
