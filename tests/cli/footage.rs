//! What can be counted: files, folders, streams; ranges and clocks.

use std::{fs, path::Path};

use crate::harness::{Camcount, STREET, ffmpeg, in_out, street};

#[test]
fn a_folder_of_recordings_is_one_camera() {
    let camcount = Camcount::new();
    let folder = camcount.path("gate");
    fs::create_dir(&folder).unwrap();
    // Two halves of the street, an hour apart by their names, and something that is no video.
    for (start, name) in [("0", "gate_2026-05-01_08-00-00.mp4"), ("30", "gate_2026-05-01_09-00-00.mkv")] {
        let file = folder.join(name);
        ffmpeg(["-ss", start, "-i", street(), "-t", "30", "-c:v", "libx264", file.to_str().unwrap()]);
    }
    fs::write(folder.join("notes.txt"), "not footage").unwrap();
    let document = camcount.count([&[folder.to_str().unwrap()], &STREET[..]].concat());
    assert_eq!(document["camera"], "gate");
    let coverage = &document["coverage"];
    assert_eq!(coverage["observed_s"], 60.0);
    assert_eq!(coverage["gap_s"], 3570.0, "nobody looked between the recordings");
    let first = document["crossings"][0]["media_time"].as_str().unwrap();
    let last = document["crossings"].as_array().unwrap().last().unwrap()["media_time"].as_str().unwrap();
    assert!(
        first.starts_with("2026-05-01T08:00:") && last.starts_with("2026-05-01T09:00:"),
        "{first} {last}"
    );
}

#[test]
fn several_inputs_are_several_cameras() {
    let camcount = Camcount::new();
    let other = camcount.path("other.mp4");
    fs::copy(street(), &other).unwrap();
    let out = camcount.path("out");
    let args =
        ["count", street(), other.to_str().unwrap(), "--format", "csv", "--out", out.to_str().unwrap()];
    let csv = camcount.ok([&args[..], &STREET[..]].concat());
    let heading = csv.lines().next().unwrap();
    assert_eq!(heading, "camera,kind,name,class,in,out");
    assert_eq!(csv.matches("other,line,").count(), csv.matches(",line,").count() / 2, "{csv}");
    let crossings = fs::read_to_string(out.join("crossings.csv")).unwrap();
    let of_other = crossings.lines().filter(|row| row.starts_with("other,")).count();
    assert_eq!(of_other * 2 + 1, crossings.lines().count());
    for table in ["crossings", "visits", "line_counts", "zone_counts", "coverage", "frames"] {
        assert!(out.join(format!("{table}.parquet")).exists(), "{table}");
    }
}

#[test]
fn a_range_counts_what_lies_in_it() {
    let camcount = Camcount::new();
    let line = ["--line", "l: 0.5,0 -> 0.5,1"];
    let whole = camcount.count([&[street()], &line[..]].concat());
    let part = camcount.count([&[street(), "--from", "0:15", "--to", "45"], &line[..]].concat());
    let inside = |document: &serde_json::Value| -> Vec<f64> {
        let crossings = document["crossings"].as_array().unwrap().iter();
        // Tracks begin anew at the range's edge, so its first seconds may differ.
        crossings.map(|c| c["offset_s"].as_f64().unwrap()).filter(|s| (17.0..44.9).contains(s)).collect()
    };
    assert_eq!(inside(&part), inside(&whole));
    let crossings = part["crossings"].as_array().unwrap();
    assert!(!crossings.is_empty());
    assert!(crossings.iter().all(|c| (15.0..45.0).contains(&c["offset_s"].as_f64().unwrap())));
    assert_eq!(part["coverage"]["observed_s"], 30.0);
    let error = camcount.fails(1, [&["count", street(), "--from", "2:00"], &line[..]].concat());
    assert!(error.contains("no footage between"), "{error}");
}

#[test]
fn the_clock_is_the_one_that_was_said() {
    let camcount = Camcount::new();
    let line = ["--line", "l: 0.5,0 -> 0.5,1"];
    let unknown = camcount.count([&[street()], &line[..]].concat());
    assert_eq!(unknown["crossings"][0]["media_time"], serde_json::Value::Null);
    let said = ["--start-time", "2026-05-01T10:00:00+02:00"];
    let known = camcount.count([&[street()], &said[..], &line[..]].concat());
    let time = known["crossings"][0]["media_time"].as_str().unwrap();
    assert!(time.starts_with("2026-05-01T08:00:"), "{time}");
    assert_eq!(known["crossings"][0]["offset_s"], unknown["crossings"][0]["offset_s"]);
}

/// A frame rate that varies, and a clock that does not begin at zero: the same times, the same counts.
#[test]
fn odd_clocks_change_nothing() {
    let camcount = Camcount::new();
    let shifted = camcount.path("shifted.mkv");
    let shifted = shifted.to_str().unwrap();
    ffmpeg(["-i", street(), "-c", "copy", "-output_ts_offset", "1234.5", shifted]);
    let plain = camcount.count([&[street(), "--name", "x"], &STREET[..]].concat());
    let odd = camcount.count([&[shifted, "--name", "x"], &STREET[..]].concat());
    assert_eq!(plain["lines"], odd["lines"]);
    assert_eq!(plain["crossings"].as_array().unwrap().len(), odd["crossings"].as_array().unwrap().len());
}

/// A web server for one folder, on a free port, for as long as the test runs.
fn serve(folder: &Path) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let Some(request) = lines.next() else { return };
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                let name = request.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap().to_owned();
                let body = fs::read(folder.join(name.trim_start_matches('/')));
                let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                // Players hang up when they have enough.
                let _ = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(&body));
            });
        }
    });
    format!("http://user:secret@{address}")
}

#[test]
fn streams_with_an_end_are_counted_like_files() {
    let camcount = Camcount::new();
    let folder = camcount.path("www");
    fs::create_dir(&folder).unwrap();
    fs::copy(street(), folder.join("street.mp4")).unwrap();
    let playlist = folder.join("street.m3u8");
    ffmpeg(["-i", street(), "-c", "copy", "-hls_list_size", "0", "-f", "hls", playlist.to_str().unwrap()]);
    let url = serve(&folder);
    let file = camcount.count([&[street()], &STREET[..]].concat());
    for name in ["street.mp4?token=secret", "street.m3u8"] {
        let document = camcount.count([&[&*format!("{url}/{name}")], &STREET[..]].concat());
        assert_eq!(document["camera"], "street");
        for line in ["door", "road"] {
            assert_eq!(in_out(&document, line), in_out(&file, line), "{name}");
        }
    }
    let error =
        camcount.fails(1, [&["count", &*format!("{url}/none.mp4?token=secret")], &STREET[..]].concat());
    assert!(error.contains("none.mp4") && !error.contains("secret"), "{error}");
}
