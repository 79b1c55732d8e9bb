//! What cannot be sought exactly is copied, and then it can.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    path::PathBuf,
    time::Duration,
};

use camcount_decode::{DecodeError, Ffmpeg, Options};

use crate::footage::{EVERY, Studio, assert_cuts_change_nothing, recording, whole};

/// How a server treats those who ask.
#[derive(Clone, Copy)]
enum Manner {
    Honest,
    /// Hangs up after half of what it promised.
    HangsUp,
    /// Never answers.
    Silent,
}

/// Serves the files of a folder over HTTP for as long as the test runs. Returns its address.
fn serve(folder: PathBuf, manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            // A client that hangs up is no failure of the test.
            std::thread::spawn(move || answer(stream, &folder, manner).ok());
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &std::path::Path, manner: Manner) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap()?;
    let mut from = 0;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.split('-').next().unwrap().parse().unwrap_or(0);
        }
    }
    if matches!(manner, Manner::Silent) {
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap().trim_start_matches('/');
    let Ok(mut file) = fs::File::open(folder.join(path)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(from))?;
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{size}\r\n\
         Accept-Ranges: bytes\r\nConnection: close\r\n\r\n",
        size - from,
        size - 1
    );
    stream.write_all(head.as_bytes())?;
    let end = if matches!(manner, Manner::HangsUp) { size / 2 } else { size };
    std::io::copy(&mut file.take(end.saturating_sub(from)), &mut stream).map(drop)
}

/// Copies a source and cuts the copy. Returns the copy's frames and those of the source.
fn copied(studio: &Studio, source: &str, frames: usize) {
    let ffmpeg = Ffmpeg::default();
    assert!(!ffmpeg.probe(source).unwrap().seeks_exactly, "{source}");
    let copy = studio.path("copy.video");
    let mut reports = 0;
    let done = ffmpeg
        .copy(source, &copy, |_| {
            reports += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(done.bytes, fs::metadata(&copy).unwrap().len());
    assert!(reports > 0 && done.media_us > 0, "{done:?}");
    let copy = copy.display().to_string();
    assert!(ffmpeg.probe(&copy).unwrap().seeks_exactly);
    let looks = assert_cuts_change_nothing(&copy, &[433_211, 1_000_000]);
    assert_eq!(looks.len(), frames, "{source}");
    // The same pictures at the same times, to the millisecond that Matroska rounds to. Where a source has no
    // times, FFmpeg guesses those of the last two frames, which come when no packet is left to count by.
    let originals = whole(&recording(&ffmpeg, source), EVERY);
    let counted = if source.ends_with(".h264") { frames - 2 } else { frames };
    for (n, (look, original)) in looks.iter().zip(&originals).enumerate() {
        assert_eq!(look.1, original.1, "{source}");
        let off = (look.0 - original.0).abs();
        assert!(off <= if n < counted { 1_000 } else { 20_000 }, "{source}: {look:?} {original:?}");
    }
    let left: Vec<_> = fs::read_dir(studio.path("")).unwrap().flatten().collect();
    assert!(left.iter().all(|file| !file.file_name().to_string_lossy().ends_with(".part")));
}

const X264: [&str; 6] = ["-c:v", "libx264", "-g", "30", "-bf", "3"];

#[test]
fn transport_streams() {
    let studio = Studio::new();
    let source = studio.shoot("a.ts", 5, 15, &X264);
    copied(&studio, &source, 75);
}

#[test]
fn transport_streams_whose_clock_wraps() {
    let studio = Studio::new();
    // The clock of MPEG-TS has 33 bits at 90 kHz and wraps after 95 443.7 s.
    let source = studio.shoot("a.ts", 5, 15, &[&X264[..], &["-output_ts_offset", "95441"]].concat());
    copied(&studio, &source, 75);
}

#[test]
fn streams_without_a_clock() {
    let studio = Studio::new();
    let source = studio.shoot("a.h264", 5, 25, &X264);
    copied(&studio, &source, 125);
}

#[test]
fn files_over_http() {
    let studio = Studio::new();
    studio.shoot("a.mp4", 5, 15, &X264);
    studio.shoot("a.avi", 5, 15, &X264);
    let address = serve(studio.path(""), Manner::Honest);
    copied(&studio, &format!("http://user:secret@{address}/a.mp4?token=hidden"), 75);
    copied(&studio, &format!("http://{address}/a.avi"), 75);
}

#[test]
fn hls_playlists() {
    let studio = Studio::new();
    studio.shoot(
        "list.m3u8",
        5,
        15,
        &[&X264[..], &["-f", "hls", "-hls_time", "1", "-hls_list_size", "0"]].concat(),
    );
    let address = serve(studio.path(""), Manner::Honest);
    copied(&studio, &format!("http://{address}/list.m3u8"), 75);
    copied(&studio, &studio.path("list.m3u8").display().to_string(), 75);
}

#[test]
fn clocks_that_jump_and_clocks_that_pause() {
    let studio = Studio::new();
    studio.shoot("1.ts", 3, 15, &[&X264[..], &["-output_ts_offset", "100"]].concat());
    studio.shoot("2.ts", 3, 15, &[&X264[..], &["-output_ts_offset", "160"]].concat());
    let span = |list: &str| {
        let both = studio.ffmpeg("both.ts", &["-f", "data", "-i", "1.ts", "-map", "0", "-f", "data"]);
        let parts: Vec<u8> = list.split('|').flat_map(|name| fs::read(studio.path(name)).unwrap()).collect();
        fs::write(&both, parts).unwrap();
        let copy = studio.path("copy.mkv");
        Ffmpeg::default().copy(&both, &copy, |_| ControlFlow::Continue(())).unwrap();
        let looks = assert_cuts_change_nothing(&copy.display().to_string(), &[1_433_211]);
        (looks.len(), looks.last().unwrap().0 / 1_000_000)
    };
    // A minute without footage stays a minute.
    let (frames, seconds) = span("1.ts|2.ts");
    assert!(frames >= 88 && (62..64).contains(&seconds), "{frames} frames in {seconds} s");
    // A clock that was set back goes on from where it was.
    let (frames, seconds) = span("2.ts|1.ts");
    assert!(frames >= 86 && (5..7).contains(&seconds), "{frames} frames in {seconds} s");
}

#[test]
fn dead_servers_end_in_errors_that_keep_secrets() {
    let studio = Studio::new();
    studio.shoot("a.ts", 8, 15, &X264);
    let ffmpeg = Ffmpeg::new(Options { stall: Duration::from_secs(1), ..Options::default() });
    let copy = studio.path("copy.mkv");
    for manner in [Manner::HangsUp, Manner::Silent] {
        let source = format!("http://user:secret@{}/a.ts?token=hidden", serve(studio.path(""), manner));
        let error = ffmpeg.copy(&source, &copy, |_| ControlFlow::Continue(())).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret") && !text.contains("hidden") && text.contains("/a.ts"), "{text}");
        assert!(!error.is_environment(), "{text}");
        assert!(!copy.exists());
    }
    let nobody = ffmpeg.probe("http://user:secret@127.0.0.1:9/a.mp4").unwrap_err();
    assert!(!format!("{nobody} {nobody:?}").contains("secret"));
    let missing = format!("http://{}/b.ts", serve(studio.path(""), Manner::Honest));
    let error = ffmpeg.copy(&missing, &copy, |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(&error, DecodeError::Unreadable { detail, .. } if detail.contains("404")), "{error}");
}
