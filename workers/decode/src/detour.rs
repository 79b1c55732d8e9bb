//! Keeps passwords off command lines, which everybody on a machine can read: FFmpeg is given an address in this process,
//! and sent on from there to the URL with its user and password.
//!
//! Whoever asks must belong to the user of this process, and that one could read its memory as well.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Who has connected from where, as Linux tells.
const CONNECTIONS: &str = "/proc/net/tcp";
/// FFmpeg asks as soon as it is connected.
const ASKS_WITHIN: Duration = Duration::from_secs(5);
/// Longer than any request of FFmpeg's.
const REQUEST_BYTES: u64 = 16 << 10;

/// The way to a URL with a password, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Detour {
    /// What FFmpeg opens instead.
    pub(crate) url: String,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Detour {
    /// The way to `source`; `None` where that has no password, or this system does not say who connects.
    ///
    /// # Errors
    /// When the machine has no port or no thread left.
    pub(crate) fn to(source: &str) -> io::Result<Option<Self>> {
        let Some((scheme, path)) = guarded(source).filter(|_| fs::metadata(CONNECTIONS).is_ok()) else {
            return Ok(None);
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        // The ending tells FFmpeg what to expect.
        let detour = Self {
            url: format!("{scheme}://{address}{path}"),
            address,
            ended: Arc::new(AtomicBool::new(false)),
        };
        let (ended, source) = (Arc::clone(&detour.ended), source.to_owned());
        thread::Builder::new().name("ffmpeg-detour".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // Who hangs up, or is a stranger, gets no answer.
                let _ = stream.and_then(|stream| send_on(stream, address, &source));
            }
        })?;
        Ok(Some(detour))
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// How to speak where a URL with a password leads, and its path; `None` of all else.
fn guarded(source: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = source.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "rtsp" | "rtsps" => "rtsp",
        "http" | "https" => "http",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    (authority.contains('@') && !source.contains(char::is_control)).then_some((scheme, path))
}

fn send_on(mut stream: TcpStream, here: SocketAddr, source: &str) -> io::Result<()> {
    if !is_ours(&fs::read_to_string(CONNECTIONS)?, stream.peer_addr()?, here) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.set_read_timeout(Some(ASKS_WITHIN))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(REQUEST_BYTES)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let (mut protocol, mut number) = ("HTTP/1.1", String::new());
    if request.trim_end().ends_with("RTSP/1.0") {
        protocol = "RTSP/1.0";
    }
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if line.to_ascii_lowercase().starts_with("cseq:") {
            number = format!("{line}\r\n");
        }
    }
    let rest = "Content-Length: 0\r\nConnection: close";
    write!(stream, "{protocol} 302 Found\r\n{number}Location: {source}\r\n{rest}\r\n\r\n")
}

/// Whether the connection from `peer` to `here` belongs to this process's user, by what Linux tells of all of them.
fn is_ours(connections: &str, peer: SocketAddr, here: SocketAddr) -> bool {
    let name = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()),
        IpAddr::V6(_) => String::new(),
    };
    let (from, to) = (name(peer), name(here));
    let user = rustix::process::geteuid().as_raw().to_string();
    connections.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields.as_slice(), [_, local, remote, _, _, _, _, uid, ..]
            if *local == from && *remote == to && *uid == user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passwords_need_a_detour() {
        assert_eq!(guarded("rtsps://me:pw@cam:322/live/1?x=y"), Some(("rtsp", "/live/1")));
        assert_eq!(guarded("HTTPS://me@cam"), Some(("http", "")));
        for plain in ["rtsp://cam/me@home", "http://cam/x?a=b@c", "/srv/a@b.mp4", "ftp://me:pw@host/x"] {
            assert_eq!(guarded(plain), None, "{plain}");
        }
    }

    #[test]
    fn strangers_are_not_sent_on() {
        let user = rustix::process::geteuid().as_raw();
        let (peer, here) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        let line = |local: &str, remote: &str, uid: u32| {
            format!(
                "  sl  local_address rem_address\n   1: {local} {remote} 01 0:0 0:0 0 {uid} 0 77 1 0 20 4 30 10 -1\n"
            )
        };
        let (from, to) = ("0100007F:9C40", "0100007F:1F90");
        assert!(is_ours(&line(from, to, user), peer, here));
        assert!(!is_ours(&line(from, to, user + 1), peer, here));
        assert!(!is_ours(&line(to, from, user), peer, here), "that is our own end of it");
        assert!(!is_ours("", peer, here));
    }

    #[test]
    fn who_asks_is_told_where_to_go() {
        let source = "http://me:hunter2@cam/a.m3u8";
        let detour = Detour::to(source).unwrap().unwrap();
        assert!(
            detour.url.starts_with("http://127.0.0.1:") && detour.url.ends_with("/a.m3u8"),
            "{}",
            detour.url
        );
        let ask = |words: &str| {
            let mut stream = TcpStream::connect(detour.address).unwrap();
            stream.write_all(words.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = ask("GET /a.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 302") && answer.contains(&format!("Location: {source}\r\n")));
        let answer = ask("OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 7\r\n\r\n");
        assert!(answer.starts_with("RTSP/1.0 302") && answer.contains("CSeq: 7\r\n"), "{answer}");
    }
}
