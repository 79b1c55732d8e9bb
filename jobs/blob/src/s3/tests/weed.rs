//! A private SeaweedFS, on free ports and with a folder of its own. It ends when the last test that uses it does,
//! or with the process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tempfile::TempDir;

pub(crate) const ACCESS_KEY: &str = "camcount-test";
pub(crate) const SECRET_KEY: &str = "a-secret-that-nobody-may-print";
pub(crate) const BUCKET: &str = "footage";

/// A running server.
pub(crate) struct Weed {
    pub(crate) port: u16,
    filer: u16,
    next: AtomicUsize,
    process: Child,
    /// Whose end ends the server.
    hold: Option<ChildStdin>,
    _folder: TempDir,
}

impl Weed {
    /// The server of this process; `None`, with a word on stderr, where SeaweedFS is not installed.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Weed>> = Mutex::new(Weak::new());
        let program = program()?;
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        // Somebody else may take a port between finding and using it.
        let started = (0..5).find_map(|_| Self::start(&program)).map(Arc::new);
        let weed = started.expect("SeaweedFS does not start");
        *shared = Arc::downgrade(&weed);
        Some(weed)
    }

    fn start(program: &Path) -> Option<Self> {
        const PORTS: [&str; 10] = [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port.grpc",
            "admin.port",
            "admin.port.grpc",
            "s3.port",
        ];
        let folder = TempDir::new().unwrap();
        let free = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = free.map(|listener| listener.local_addr().unwrap().port());
        let flags = PORTS.iter().zip(ports).map(|(name, port)| format!("-{name}={port}"));
        // The shell ends the server when this process closes its end of the pipe, for whatever reason.
        let mut process = Command::new("sh")
            .args(["-c", r#""$@" & exec >&2; cat; kill -9 $!"#, "sh"])
            .arg(program)
            .args(["mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(["-webdav=false", "-admin.ui=false", "-master.telemetry=false"])
            .arg(format!("-bucket={BUCKET}"))
            .arg(format!("-dir={}", folder.path().display()))
            .args(flags)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let hold = process.stdin.take();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = said.any(|line| line.contains("Press Ctrl+C"));
        // Whatever else it says is read, or it would wait.
        std::thread::spawn(move || said.for_each(drop));
        let weed = Self {
            port: ports[9],
            filer: ports[4],
            next: AtomicUsize::new(0),
            process,
            hold,
            _folder: folder,
        };
        ready.then_some(weed)
    }

    /// The prefix of an empty place in the bucket.
    pub(crate) fn place(&self) -> String {
        format!("place-{}/", self.next.fetch_add(1, Relaxed))
    }

    /// Puts an object of others there, past S3, in a bucket that is made if it is missing.
    #[allow(dead_code, reason = "the fleet's tests do")]
    pub(crate) fn shelve(&self, bucket: &str, name: &str, bytes: &[u8]) {
        let mut filer = TcpStream::connect(("127.0.0.1", self.filer)).unwrap();
        let (name, length) = (name.replace(' ', "%20"), bytes.len());
        let head = "Host: filer\r\nContent-Type: application/octet-stream\r\nConnection: close";
        write!(filer, "PUT /buckets/{bucket}/{name} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n")
            .unwrap();
        filer.write_all(bytes).unwrap();
        let mut answer = String::new();
        filer.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.hold = None;
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share"));
    let data =
        std::env::var_os("XDG_DATA_HOME").filter(|set| !set.is_empty()).map(PathBuf::from).or_else(home);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = data.map(|data| data.join("camcount/bin")).into_iter().chain(std::env::split_paths(&path));
    let found = folders.map(|folder| folder.join("weed")).find(|program| program.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: SeaweedFS is not installed; run infra/setup --dev");
    }
    found
}
