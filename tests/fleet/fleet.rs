//! A database, a broker and a bucket of a test's own, and the processes around them.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use camcount_domain::{Camera, CameraId, FrameSize, MediaSpan, MediaTime, Recording};
use camcount_store::{PassState, Postgres, Registry, Store, test_database::TestDatabase};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    servers::{Broker, STUCK, Server},
    weed::{ACCESS_KEY, BUCKET, SECRET_KEY, Weed},
};

/// The lines and the zone of the demo's street.
pub(crate) const STREET: [&str; 6] = [
    "--line",
    "door: 0.37,0.90 -> 0.37,0.56",
    "--line",
    "road: 0.68,0.50 -> 0.68,0.29",
    "--zone",
    "plaza: 0.50,0.60 0.90,0.60 0.95,0.93 0.46,0.93",
];

/// All that processes share.
pub(crate) struct Fleet {
    pub(crate) database: TestDatabase,
    pub(crate) store: Postgres,
    pub(crate) broker: Server,
    pub(crate) bucket: Arc<Weed>,
    place: String,
    dir: TempDir,
    /// What processes are told beside, or instead.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Fleet {
    /// One with the newest schema and nothing in it; `None`, with a word on stderr, where something is not installed.
    pub(crate) async fn new(broker: Broker) -> Option<Self> {
        let bucket = tokio::task::spawn_blocking(Weed::shared).await.unwrap()?;
        let place = bucket.place();
        let (database, store) = TestDatabase::migrated().await;
        let broker = Server::start(broker).await;
        Some(Self {
            database,
            store,
            broker,
            bucket,
            place,
            dir: TempDir::new().unwrap(),
            settings: Vec::new(),
        })
    }

    /// A file in a folder of this fleet's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that knows where everything is, by the environment.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camcount"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CAMCOUNT_") {
                command.env_remove(name);
            }
        }
        let broker = if self.broker.broker == Broker::Nats { "NATS_URL" } else { "REDIS_URL" };
        command
            .env_remove("NATS_URL")
            .env_remove("REDIS_URL")
            .args(args)
            .env("DATABASE_URL", self.database.url_text())
            .env(broker, self.broker.url())
            .env("CAMCOUNT_BLOBS", format!("s3://{BUCKET}/{}", self.place))
            .env("AWS_ENDPOINT_URL_S3", self.bucket.endpoint())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", "us-east-1")
            .env("CAMCOUNT_LISTEN", "none")
            .env("CAMCOUNT_SECRET_KEY", "5a".repeat(32))
            .env("CAMCOUNT_DATA_DIR", self.path("data"))
            .env("TMPDIR", self.dir.path())
            .envs(self.settings.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs, and expects success; returns what it printed.
    pub(crate) async fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {complaint}{said}", output.status);
        said
    }

    pub(crate) async fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        let mut command = self.command(args);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Starts a role. What it logs is in the file of that name.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Process {
        self.start_with(name, args, |_| {})
    }

    /// As [`start`](Self::start), with something about it that is different.
    pub(crate) fn start_with<S: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = S>,
        different: impl FnOnce(&mut Command),
    ) -> Process {
        let log = self.path(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut command = self.command(args);
        different(&mut command);
        let level = std::env::var("CAMCOUNT_TEST_LOG").unwrap_or_else(|_| "info".to_owned());
        command.env("CAMCOUNT_LOG", level).stdout(file.try_clone().unwrap()).stderr(file);
        Process { child: Some(command.spawn().unwrap()) }
    }

    /// Starts a command that prints for as long as it runs, into the file of that name that ends with `.out`.
    pub(crate) fn printing<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Process {
        let file = |ending| File::create(self.path(&format!("{name}.{ending}"))).unwrap();
        let mut command = self.command(args);
        let child =
            command.env("CAMCOUNT_LOG", "info").stdout(file("out")).stderr(file("log")).spawn().unwrap();
        Process { child: Some(child) }
    }

    /// A registered camera with the demo's street as its footage, in segments of `segment_s`.
    pub(crate) async fn street(&self, name: &str, video: &Path, segment_s: i64) -> CameraId {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        self.ok(["camera", "add", name, folder.to_str().unwrap()].iter().chain(&STREET)).await;
        let Camera { id, .. } = self.store.camera_called(name).await.unwrap().unwrap().camera;
        let recording = Recording {
            camera: id,
            source: video.to_str().unwrap().to_owned(),
            span: MediaSpan { start: MediaTime(1_000_000_000), end: MediaTime(1_030_000_000) },
            origin_us: 0,
            frame_size: FrameSize { width: 960, height: 540 },
            frame_interval_us: 40_000,
        };
        self.store.add_recording(&recording, segment_s * 1_000_000).await.unwrap();
        id
    }

    /// Waits until all that is recorded is counted.
    pub(crate) async fn all_counted(&self) {
        self.until_none_left("all is counted", async |fleet| {
            let mut left = 0;
            for PassState { pass, next, .. } in fleet.store.passes(None).await.ok()? {
                let (_, last) = fleet.store.segments_in(pass.camera, MediaSpan::ALL).await.ok()??;
                left += usize::try_from(last.seq.0 + 1 - next.0).unwrap();
            }
            Some(left)
        })
        .await;
    }

    /// Waits until nothing of it is left, for as long as it gets less; a look that fails says nothing.
    pub(crate) async fn until_none_left(&self, what: &str, left: impl AsyncFn(&Self) -> Option<usize>) {
        let mut least = usize::MAX;
        while least > 0 {
            let fewer = async |fleet: &Self| left(fleet).await.filter(|left| *left < least);
            least = self.until(what, fewer).await;
        }
    }

    /// Waits until `look` finds something.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let found = tokio::time::timeout(STUCK, async {
            loop {
                if let Some(found) = look(self).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("never seen: {what}; logs in {}", self.logs()))
    }

    /// What all processes have logged.
    pub(crate) fn logs(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).unwrap().flatten().map(|entry| entry.path());
        let logs = files.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        logs.map(|log| format!("\n== {}\n{}", log.display(), std::fs::read_to_string(&log).unwrap()))
            .collect()
    }
}

/// A running role. It is killed with this value.
pub(crate) struct Process {
    child: Option<Child>,
}

impl Process {
    /// Asks it to end; returns whether it ended well.
    pub(crate) async fn end(mut self) -> bool {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        status.success()
    }

    /// Stops it where it is, or lets it go on.
    #[allow(dead_code, reason = "chaos does")]
    pub(crate) fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.kill_now();
    }

    fn kill_now(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits for it to end by itself.
    pub(crate) async fn wait(mut self) -> bool {
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_now();
    }
}

/// A port that nobody uses now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The answer to a request, status line and all.
pub(crate) fn http_get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The demo's street, drawn once.
pub(crate) fn street() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet-street");
    let video = folder.join("street.mp4");
    static DRAWN: std::sync::Once = std::sync::Once::new();
    DRAWN.call_once(|| {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let drawn = Command::new(env!("CARGO_BIN_EXE_camcount"))
            .arg("demo")
            .arg("--video")
            .arg(&video)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .output()
            .unwrap();
        assert!(drawn.status.success());
    });
    video
}
