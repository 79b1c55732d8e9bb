//! Servers of streams, and a proxy that gets in their way.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// Debian's own Python, which has GStreamer's bindings.
const PYTHON: &str = "/usr/bin/python3";

/// A real RTSP server.
pub(crate) struct Rtsp {
    child: Child,
    pub(crate) port: u16,
}

impl Rtsp {
    /// Serves `clips` at `port`, or any. `None`, loudly, where there is no GStreamer; `infra/setup --dev` brings it.
    pub(crate) fn start(port: u16, clips: &[&Path]) -> Option<Self> {
        let there = Command::new(PYTHON)
            .args(["-c", "import gi; gi.require_version('GstRtspServer', '1.0')"])
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: no GStreamer RTSP server for {PYTHON}; run infra/setup --dev");
            return None;
        }
        let mut child = Command::new(PYTHON)
            .args(["-c", include_str!("rtsp.py")])
            .arg(port.to_string())
            .args(clips)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    pub(crate) fn url(&self, clip: usize) -> String {
        format!("rtsp://127.0.0.1:{}/{clip}", self.port)
    }
}

impl Drop for Rtsp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TCP proxy that can cut its connections, and stall them.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    stalled: Arc<AtomicBool>,
    /// Both ends of what is still passed on.
    open: Arc<Mutex<Vec<[Weak<TcpStream>; 2]>>>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            stalled: Arc::default(),
            open: Arc::default(),
        };
        let (stalled, open) = (Arc::clone(&proxy.stalled), Arc::clone(&proxy.open));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let ends = [client, server].map(Arc::new);
                let mut open = open.lock().unwrap();
                open.retain(|[client, _]| client.strong_count() > 0);
                open.push(ends.each_ref().map(Arc::downgrade));
                let [client, server] = ends;
                let back = (Arc::clone(&server), Arc::clone(&client));
                for (from, to) in [(client, server), back] {
                    let stalled = Arc::clone(&stalled);
                    std::thread::spawn(move || pass_on(&from, &to, &stalled));
                }
            }
        });
        proxy
    }

    /// Hangs up on everybody.
    pub(crate) fn cut(&self) {
        for end in self.open.lock().unwrap().drain(..).flatten().filter_map(|end| end.upgrade()) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing through, or everything again, as far as there is a connection left.
    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, stalled: &AtomicBool) {
    let mut bytes = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        // What came while nothing gets through is lost, as on a dead line.
        if !stalled.load(Ordering::SeqCst) && to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Serves the files of a folder over HTTP for as long as the test runs. Returns its address.
pub(crate) fn http(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            // A client that hangs up is no failure of the test.
            std::thread::spawn(move || answer(stream, &folder).ok());
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap()?;
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap().trim_start_matches('/');
    let Ok(bytes) = fs::read(folder.join(path)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&bytes)
}
