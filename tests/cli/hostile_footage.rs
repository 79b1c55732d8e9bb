//! Footage that is odd, broken or hostile, all of it in one table: it is refused with a reason and a remedy, or
//! counted truthfully, the same however the work is cut. And nothing is left behind.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::harness::{Camcount, comparable, ffmpeg, stderr};

macro_rules! footage {
    ($($(#[$doc:meta])* $name:ident: $make:expr => $truth:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            check($make, $truth);
        }
    )*};
}

footage! {
    an_empty_file: |s| s.write("a.mp4", b"") => refused(&["a.mp4", "empty", "copied to its end"]);
    a_text_named_like_a_video: |s| s.write("a.mp4", "no camera wrote this\n".repeat(99).as_bytes())
        => refused(&["a.mp4", "cannot be read as video", "see if it is whole"]);
    sound_without_pictures: |s| s.make("a.mp4", &["-f", "lavfi", "-i", "sine=d=1"])
        => refused(&["a.mp4", "no video, only audio", "give a video file"]);

    a_file_cut_before_its_index: |s| s.walk("a.mp4", &[]).cut(0.5)
        => refused(&["a.mp4", "moov atom not found", "see if it is whole"]);
    /// It declares all of its eight seconds: what is missing is a gap.
    a_file_cut_behind_its_index: |s| s.walk("a.mp4", &["-movflags", "+faststart"]).cut(0.7)
        => counted(0, 1).observed(3.5..=4.5).gap(3.5..=4.5);
    broken_bytes_that_are_repaired: |s| s.walk("a.mp4", &[]).damaged(0.1, 0.25)
        => counted(0, 1).observed(7.9..=8.0);
    /// The first second cannot be decoded, and yet all that follows keeps its time.
    broken_bytes_at_the_start: |s| s.walk("a.mp4", &[]).damaged(0.007, 0.105)
        => counted(0, 1).observed(7.9..=8.0);
    /// Matroska is lost until its next cluster: here, a second long.
    broken_bytes_in_a_cluster: |s| s.walk("a.mkv", &["-cluster_time_limit", "1000"]).damaged(0.66, 0.86)
        => counted(0, 1).observed(5.0..=6.0).gap(2.0..=3.0);

    a_single_frame: |s| s.walk("a.mp4", &["-frames:v", "1"]) => counted(0, 0).observed(0.06..=0.07);
    a_frame_a_second: |s| s.walk_at("1", "a.mp4", &[]) => counted(0, 1).observed(8.0..=8.0);
    many_frames_a_second: |s| s.walk_at("120", "a.mp4", &[]) => counted(0, 1).observed(8.0..=8.0);

    times_that_are_all_zero: |s| s.walk("a.mkv", &["-bf", "0"]).timed("b.mkv", "0")
        => refused(&["b.mkv", "120 frames within 0 us", "ffmpeg -r"]);
    times_that_repeat: |s| s.walk("a.mkv", &["-bf", "0"]).timed("b.mkv", "floor(PTS/133)*133")
        => counted(0, 1).observed(7.9..=8.0);
    times_with_a_hole: |s| s.walk("a.mkv", &["-bf", "0"]).timed("b.mkv", "PTS+gte(PTS,4000)*20000")
        => counted(0, 1).observed(8.0..=8.1).gap(19.9..=20.0);
    /// As recorders leave that begin anew in the same file: counted on from where it was.
    times_that_go_back: |s| s.walk("a.mkv", &["-bf", "0"]).twice() => counted(0, 2).observed(16.0..=16.1);
    times_that_go_back_where_frames_are_reordered: |s| s.walk("a.mkv", &["-bf", "3"]).twice()
        => counted(0, 2).observed(16.0..=16.2);

    a_declared_end_that_comes_too_early: |s| s.walk("a.mkv", &[]).declared("gate/1.mkv", 3.0)
        => counted(0, 1).observed(8.0..=8.0);
    /// What is beyond the declared end of one file pushes nothing out of the next.
    a_declared_end_that_comes_too_early_in_a_folder: |s| {
        s.walk("a.mkv", &[]).declared("gate/1.mkv", 3.0);
        s.walk("a.mkv", &[]).declared("gate/2.mkv", 8.0);
        s.folder("gate")
    } => counted(0, 2).observed(16.0..=16.0);
    a_declared_end_years_away: |s| s.walk("a.mkv", &[]).declared("b.mkv", 1e8)
        => refused(&["b.mkv", "1157 days", "convert"]);

    a_picture_turned_by_a_flag: |s| s.walk("a.mp4", &[]).copied("b.mp4", &["-metadata:s:v", "rotate=90"])
        => counted(0, 0).observed(8.0..=8.0).over_the_other_line(1);
    a_picture_that_changes_its_size: |s| s.walk("a.mkv", &[]).then_larger("b.mkv")
        => counted(0, 2).observed(16.0..=16.1);
    a_picture_of_33_million_pixels: |s| s.walk_at("1", "a.mp4", &["-s", "7680x4320"])
        => counted(0, 1).observed(8.0..=8.0);
}

/// What must come of it.
enum Truth {
    Refused(&'static [&'static str]),
    Counted { in_out: (i64, i64), other: i64, observed_s: RangeInclusive<f64>, gap_s: RangeInclusive<f64> },
}

fn refused(words: &'static [&'static str]) -> Truth {
    Truth::Refused(words)
}

fn counted(walked_in: i64, walked_out: i64) -> Truth {
    Truth::Counted { in_out: (walked_in, walked_out), other: 0, observed_s: 0.0..=0.0, gap_s: 0.0..=0.0 }
}

impl Truth {
    fn observed(mut self, range: RangeInclusive<f64>) -> Self {
        if let Self::Counted { observed_s, .. } = &mut self {
            *observed_s = range;
        }
        self
    }

    fn gap(mut self, range: RangeInclusive<f64>) -> Self {
        if let Self::Counted { gap_s, .. } = &mut self {
            *gap_s = range;
        }
        self
    }

    fn over_the_other_line(mut self, crossings: i64) -> Self {
        if let Self::Counted { other, .. } = &mut self {
            *other = crossings;
        }
        self
    }
}

/// Counts what `make` makes, once in one piece and once in many.
fn check(make: impl FnOnce(&Studio) -> Clip<'_>, truth: Truth) {
    let studio = Studio(Camcount::new());
    let input = make(&studio).0;
    match truth {
        Truth::Refused(words) => {
            let (code, said, error) = count(&input, &[]);
            assert_eq!((code, said.as_str()), (Some(1), ""), "{error}");
            for word in words {
                assert!(error.contains(word), "{word:?} is not in {error:?}");
            }
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        Truth::Counted { in_out, other, observed_s, gap_s } => {
            let [whole, cut] =
                [&["--segment", "1000", "--workers", "1"], &["--segment", "3", "--workers", "3"]].map(
                    |how| {
                        let (code, said, error) = count(&input, how);
                        assert_eq!(code, Some(0), "{error}");
                        serde_json::from_str::<Value>(&said).unwrap()
                    },
                );
            let seen = |line: usize, way| whole["lines"][line][way].as_i64().unwrap();
            assert_eq!((seen(0, "in"), seen(0, "out")), in_out, "{whole:#}");
            let first = whole["crossings"][0]["offset_s"].as_f64();
            let on_time = first.is_some_and(|at| (3.2..3.5).contains(&at));
            assert!(on_time || in_out == (0, 0), "{whole:#}");
            assert_eq!(seen(1, "in") + seen(1, "out"), other, "{whole:#}");
            // Frames are a third of a millisecond off in containers that know milliseconds only.
            let about = |name: &str| (whole["coverage"][name].as_f64().unwrap() * 100.0).round() / 100.0;
            assert!(observed_s.contains(&about("observed_s")), "{whole:#}");
            assert!(gap_s.contains(&about("gap_s")), "{whole:#}");
            assert_eq!(comparable(whole), comparable(cut));
        }
    }
}

/// Counts `input` in a data folder of its own; returns the exit code and what was said. Whatever came of it, no child
/// and no unfinished file is left.
fn count(input: &Path, how: &[&str]) -> (Option<i32>, String, String) {
    let camcount = Camcount::new();
    let temporary = camcount.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let lines = ["--line", "l: 0.5,0 -> 0.5,1", "--line", "other: 0,0.5 -> 1,0.5", "--format", "json"];
    let mut command = camcount.command([&["count", input.to_str().unwrap()], &lines[..], how].concat());
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    let error = stderr(&output);
    assert!(!error.contains("panicked"), "{error}");

    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "temporary files are left");
    let copies = fs::read_dir(camcount.path("data").join("copies")).into_iter().flatten().flatten();
    let mut left = copies.map(|copy| copy.file_name().into_string().unwrap());
    assert_eq!(left.find(|name| name.ends_with(".part")), None);
    // Every child has inherited the name of this run's own folder.
    let mark = temporary.to_str().unwrap().as_bytes();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        assert!(!environment.windows(mark.len()).any(|part| part == mark), "{process:?} is left");
    }
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), error)
}

/// A folder in which footage is made.
struct Studio(Camcount);

/// A file or folder in it.
struct Clip<'s>(PathBuf, &'s Studio);

impl Studio {
    fn write(&self, name: &str, bytes: &[u8]) -> Clip<'_> {
        let path = self.0.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        Clip(path, self)
    }

    fn folder(&self, name: &str) -> Clip<'_> {
        Clip(self.0.path(name), self)
    }

    fn make(&self, name: &str, args: &[&str]) -> Clip<'_> {
        let path = self.0.path(name);
        ffmpeg([args, &[path.to_str().unwrap()]].concat());
        Clip(path, self)
    }

    /// Eight seconds of somebody walking from left to right, past the middle after 3.3 seconds.
    fn walk(&self, name: &str, args: &[&str]) -> Clip<'_> {
        self.walk_at("15", name, args)
    }

    fn walk_at(&self, fps: &str, name: &str, args: &[&str]) -> Clip<'_> {
        let scene = ["-f", "lavfi", "-i", &format!("color=gray:s=320x240:d=8:r={fps}")];
        let walker = ["-f", "lavfi", "-i", &format!("color=white:s=40x60:d=8:r={fps}")];
        let path = ["-filter_complex", "[0][1]overlay=x='-60+60*t':y=90:shortest=1"];
        let code = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p"];
        self.make(name, &[&scene[..], &walker, &path, &code, args].concat())
    }
}

impl<'s> Clip<'s> {
    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }

    fn rewritten(self, bytes: &[u8]) -> Self {
        fs::write(&self.0, bytes).unwrap();
        self
    }

    /// Only the first `part` of its bytes.
    fn cut(self, part: f64) -> Self {
        let bytes = self.bytes();
        self.rewritten(&bytes[..(bytes.len() as f64 * part) as usize])
    }

    fn damaged(self, from: f64, to: f64) -> Self {
        let mut bytes = self.bytes();
        let at = |part: f64| (bytes.len() as f64 * part) as usize;
        let span = at(from)..at(to);
        bytes[span].fill(0x55);
        self.rewritten(&bytes)
    }

    /// Its bytes and its bytes again.
    fn twice(self) -> Self {
        let bytes = self.bytes();
        self.rewritten(&[&bytes[..], &bytes].concat())
    }

    fn copied(self, name: &str, args: &[&str]) -> Self {
        self.1.make(name, &[&["-i", self.path(), "-c", "copy"], args].concat())
    }

    /// With other time stamps, in milliseconds.
    fn timed(self, name: &str, times: &str) -> Self {
        self.copied(name, &["-bsf:v", &format!("setts=ts='{times}'")])
    }

    /// With another end in the header of its Matroska.
    fn declared(self, name: &str, seconds: f64) -> Self {
        let mut bytes = self.bytes();
        // The element Duration: a number of milliseconds in eight bytes.
        let at = bytes.windows(3).position(|word| word == [0x44, 0x89, 0x88]).unwrap() + 3;
        bytes[at..at + 8].copy_from_slice(&(seconds * 1000.0).to_be_bytes());
        self.1.write(name, &bytes)
    }

    /// Followed by itself in twice the size.
    fn then_larger(self, name: &str) -> Self {
        let large = self.1.walk("large.ts", &["-s", "640x480", "-output_ts_offset", "8"]);
        let small = self.1.make("small.ts", &["-i", self.path(), "-c", "copy"]);
        let both = format!("concat:{}|{}", small.path(), large.path());
        self.1.make(name, &["-i", &both, "-c", "copy"])
    }
}
