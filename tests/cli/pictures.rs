//! Pictures of counts: they exist, are of the right size, and show things where they are.

use std::{path::Path, process::Command};

use crate::harness::{Camcount, STREET, demo, ffmpeg, street};

/// A picture, or one frame of a video.
struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Pixels {
    /// What FFmpeg makes of `file` at `at_s` seconds.
    fn read(file: &Path, at_s: &str) -> Self {
        let (width, height, _) = look_into(file);
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-ss", at_s, "-i"])
            .arg(file)
            .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()
            .unwrap();
        assert_eq!(output.stdout.len(), width * height * 3, "{}", file.display());
        Self { width, height, rgb: output.stdout }
    }

    /// The mean colour of a square of `around` pixels around a place in shares of the picture.
    fn at(&self, x: f64, y: f64) -> [i32; 3] {
        let place = ((y * self.height as f64) as usize * self.width + (x * self.width as f64) as usize) * 3;
        [0, 1, 2].map(|i| i32::from(self.rgb[place + i]))
    }

    /// Pixels within `tolerance` of `colour` in columns and rows given in shares of the picture.
    fn count(&self, colour: [i32; 3], tolerance: i32, x: (f64, f64), y: (f64, f64)) -> usize {
        let range = |(from, to): (f64, f64), count: usize| {
            (from * count as f64) as usize..((to * count as f64) as usize).min(count)
        };
        let near =
            |place: usize| (0..3).all(|i| (i32::from(self.rgb[place + i]) - colour[i]).abs() <= tolerance);
        let columns = range(x, self.width);
        range(y, self.height)
            .flat_map(|row| columns.clone().map(move |column| (row * self.width + column) * 3))
            .filter(|place| near(*place))
            .count()
    }
}

/// Width, height and number of frames.
fn look_into(file: &Path) -> (usize, usize, usize) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=width,height,nb_read_frames"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<usize> = text.trim().split(',').map(|n| n.parse().unwrap()).collect();
    (numbers[0], numbers[1], numbers[2])
}

fn beside(video: &Path, what: &str) -> std::path::PathBuf {
    let stem = video.file_stem().unwrap().to_str().unwrap();
    video.with_file_name(format!("{stem}-{what}"))
}

const DOOR: [i32; 3] = [0xD5, 0x5E, 0x00];
const ROAD: [i32; 3] = [0x56, 0xB4, 0xE9];
const IN: [i32; 3] = [0x00, 0x72, 0xB2];
const OUT: [i32; 3] = [0xE6, 0x9F, 0x00];

#[test]
fn the_demo_shows_all_three() {
    let (video, said) = demo();
    for what in ["annotated.mp4", "plot.png", "heatmap.png"] {
        let file = beside(video, what);
        assert!(said.contains(file.to_str().unwrap()), "{said}");
    }
    let annotated = beside(video, "annotated.mp4");
    assert_eq!(look_into(&annotated), look_into(video), "size or number of frames");
    let frame = Pixels::read(&annotated, "14");
    // The lines as the demo draws them: x 0.37 from y 0.56 to 0.90, and x 0.68 from y 0.29 to 0.50.
    let is = |got: [i32; 3], wanted: [i32; 3]| got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 40);
    for y in [0.60, 0.66, 0.88] {
        assert!(is(frame.at(0.37, y), DOOR), "{y}: {:?}", frame.at(0.37, y));
    }
    for y in [0.32, 0.46] {
        assert!(is(frame.at(0.68, y), ROAD), "{y}: {:?}", frame.at(0.68, y));
    }
    assert!(!is(frame.at(0.40, 0.60), DOOR) && !is(frame.at(0.68, 0.26), ROAD));
    // In is to the right of both lines: arrows and their names lie there, and nothing to the left.
    let (right, left) = ((0.672, 0.72), (0.59, 0.672));
    assert!(frame.count(ROAD, 30, right, (0.36, 0.42)) > 100, "no arrow");
    assert!(frame.count(ROAD, 30, left, (0.36, 0.42)) < 10, "an arrow the other way");
    // Where there was plain footage, there is a panel.
    let plain = Pixels::read(video, "14");
    let mean = |p: &Pixels| p.count([30, 34, 39], 40, (0.01, 0.15), (0.02, 0.3));
    assert!(mean(&frame) > 2 * mean(&plain), "{} {}", mean(&frame), mean(&plain));
}

#[test]
fn bars_differ_between_lines() {
    let plot = Pixels::read(&beside(&demo().0, "plot.png"), "0");
    assert_eq!(plot.width, 1500);
    // Heading 150 pixels, then 258 a panel: two lines and a zone.
    assert_eq!(plot.height, 150 + 96 + 3 * 258);
    let panel = |n: f64| (150.0 + n * 258.0 + 54.0, 150.0 + (n + 1.0) * 258.0 - 26.0);
    let shares = |(from, to): (f64, f64)| (from / plot.height as f64, to / plot.height as f64);
    let bars = |n: f64, colour| plot.count(colour, 3, (0.0, 1.0), shares(panel(n)));
    assert!(bars(0.0, IN) > 10_000 && bars(0.0, OUT) > 10_000);
    assert!(bars(1.0, IN) > 10_000 && bars(1.0, OUT) > 10_000);
    assert_ne!((bars(0.0, IN), bars(0.0, OUT)), (bars(1.0, IN), bars(1.0, OUT)));
    assert_eq!((bars(2.0, IN), bars(2.0, OUT)), (0, 0), "a zone has no bars");
    // Up is in: above the axis of the first panel there is no bar of the other colour.
    let (top, _) = panel(0.0);
    assert_eq!(plot.count(OUT, 3, (0.0, 1.0), shares((top, top + 100.0))), 0);
}

#[test]
fn heat_lies_where_people_walk() {
    let (video, _) = demo();
    let (map, plain) = (Pixels::read(&beside(video, "heatmap.png"), "0"), Pixels::read(video, "0"));
    assert_eq!((map.width, map.height), (plain.width, plain.height));
    let changed = |x: (f64, f64), y: (f64, f64)| {
        let (mut far, mut all) = (0, 0);
        for row in (y.0 * map.height as f64) as usize..(y.1 * map.height as f64) as usize {
            for column in (x.0 * map.width as f64) as usize..(x.1 * map.width as f64) as usize {
                let place = (row * map.width + column) * 3;
                let apart =
                    |i: usize| i32::from(map.rgb[place + i]).abs_diff(i32::from(plain.rgb[place + i]));
                far += usize::from((0..3).map(apart).max().unwrap() > 50);
                all += 1;
            }
        }
        far as f64 / all as f64
    };
    let (walked, housed) = (changed((0.02, 0.3), (0.66, 0.88)), changed((0.5, 0.98), (0.02, 0.2)));
    assert!(walked > 0.5, "{walked}");
    assert!(housed < 0.05, "{housed}");
}

#[test]
fn gaps_are_hatched_and_not_zero() {
    let camcount = Camcount::new();
    let folder = camcount.path("gate");
    std::fs::create_dir(&folder).unwrap();
    for (start, name) in [("0", "gate_2026-05-01_08-00-00.mp4"), ("30", "gate_2026-05-01_08-02-00.mp4")] {
        ffmpeg(["-ss", start, "-i", street(), "-t", "30", folder.join(name).to_str().unwrap()]);
    }
    let (plot, film) = (camcount.path("plot.png"), camcount.path("film.mp4"));
    let pictures = ["--plot", plot.to_str().unwrap(), "--annotate", film.to_str().unwrap()];
    camcount.ok([&["count", folder.to_str().unwrap()], &STREET[..], &pictures[..]].concat());
    let drawn = Pixels::read(&plot, "0");
    let rows = (210.0 / drawn.height as f64, 370.0 / drawn.height as f64);
    let white = |x: (f64, f64)| drawn.count([255; 3], 2, x, rows) as f64;
    // Half a minute, a minute and a half of nothing, half a minute: the middle three fifths.
    assert!(white((0.30, 0.75)) < 100.0, "the gap is blank");
    assert!(white((0.08, 0.24)) > 1000.0 && white((0.80, 0.96)) > 1000.0, "footage is hatched");
    // What was not seen is left out of the film.
    assert_eq!(look_into(&film).2, 750);
}

#[test]
fn every_camera_has_its_own_pictures() {
    let camcount = Camcount::new();
    let other = camcount.path("other.mp4");
    ffmpeg(["-i", street(), "-t", "5", "-c", "copy", other.to_str().unwrap()]);
    let third = camcount.path("third.mp4");
    std::fs::copy(&other, &third).unwrap();
    let plot = camcount.path("plot.png");
    let args = ["count", other.to_str().unwrap(), third.to_str().unwrap(), "--plot", plot.to_str().unwrap()];
    camcount.ok([&args[..], &STREET[..]].concat());
    assert!(
        !plot.exists()
            && camcount.path("plot-other.png").exists()
            && camcount.path("plot-third.png").exists()
    );
    let nowhere = ["count", other.to_str().unwrap(), "--plot", "nowhere/plot.png"];
    let error = camcount.fails(1, [&nowhere[..], &STREET[..]].concat());
    assert!(error.contains("nowhere/plot.png"), "{error}");
}
