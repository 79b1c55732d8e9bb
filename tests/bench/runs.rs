//! What is measured: the program, its two limits, and Python's pipeline.

use std::{collections::BTreeMap, num::NonZeroUsize, process::Command, thread, time::Duration};

use camcount_decode::Ffmpeg;
use camcount_detect::{Detect, OnnxDetector, OnnxOptions};
use camcount_domain::{CameraId, FrameSize, MediaSpan, MediaTime, Rate, Recording};
use serde_json::Value;

use crate::{
    harness::Camcount,
    measure::{Measured, Memory, cpu, measure},
};

/// What is looked at, and by what.
pub(crate) struct Scene<'a> {
    pub(crate) model: &'a str,
    pub(crate) clip: &'a str,
    pub(crate) size: FrameSize,
    /// Of the clip, all of which are looked at.
    pub(crate) frames: usize,
    /// Segments at a time, and sessions of one thread.
    pub(crate) workers: NonZeroUsize,
}

impl Scene<'_> {
    fn options(&self) -> OnnxOptions {
        OnnxOptions { sessions: Some(self.workers), ..OnnxOptions::new(self.model) }
    }
}

/// How fast something was.
pub(crate) struct Speed {
    /// Frames a second.
    pub(crate) fps: f64,
    /// Processor time of one frame.
    pub(crate) cpu_ms: f64,
}

impl Speed {
    fn of(frames: usize, wall: Duration, cpu: Duration) -> Self {
        let frames = frames as f64;
        Self { fps: frames / wall.as_secs_f64(), cpu_ms: 1e3 * cpu.as_secs_f64() / frames }
    }
}

/// How fast the program was, and where its time went.
pub(crate) struct Pipeline {
    /// Without what comes before the first segment and after the last.
    pub(crate) speed: Speed,
    /// Seconds before the first segment and after the last: looking into the footage, opening model and store, printing.
    pub(crate) around_s: f64,
    /// What it says of itself, in milliseconds a frame: of all workers, and of all sessions, together.
    pub(crate) spent_ms: BTreeMap<String, f64>,
    pub(crate) memory: Memory,
}

/// Inference over tensors that are ready, made of frames of the clip.
pub(crate) fn inference_alone(scene: &Scene<'_>) -> Speed {
    /// Some of all over the clip: all of them would not fit into the memory of a small machine.
    const PICTURES: usize = 32;
    let picture = OnnxDetector::open(&scene.options()).unwrap().picture(scene.size);
    let ffmpeg = Ffmpeg::default();
    let probe = ffmpeg.probe(scene.clip).unwrap();
    let recording = Recording {
        camera: CameraId::of_footage(scene.clip),
        source: scene.clip.to_owned(),
        span: MediaSpan { start: MediaTime(0), end: MediaTime(probe.duration_us.unwrap()) },
        origin_us: probe.start_us,
        frame_size: probe.frame_size,
        frame_interval_us: probe.frame_interval_us,
    };
    let frames =
        ffmpeg.frames(&recording, MediaSpan::ALL, Rate::from_fps(1000.0).unwrap(), &picture).unwrap();
    let frames: Vec<_> = frames.map(Result::unwrap).step_by(scene.frames / PICTURES).collect();
    // A third of the frames tells the rate.
    let batches = (scene.frames / 3 / scene.workers).max(1);
    let before = cpu("self");
    let (frames, wall) =
        camcount_detect::inference_alone(&scene.options(), scene.size, &frames, batches).unwrap();
    Speed::of(frames, wall, cpu("self") - before)
}

/// FFmpeg making the model's pictures of all frames and throwing them away, as many at a time as there are workers.
pub(crate) fn decoding_alone(scene: &Scene<'_>) -> Speed {
    let picture = OnnxDetector::open(&scene.options()).unwrap().picture(scene.size);
    let filters = camcount_decode::scaling(&picture, scene.size);
    let decode = || {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-threads", "1", "-i", scene.clip, "-map", "0:V:0"]);
        command.args([
            "-filter_threads",
            "1",
            "-vf",
            &filters,
            "-fps_mode",
            "passthrough",
            "-f",
            "null",
            "-",
        ]);
        measure(command)
    };
    let runs: Vec<Measured> = thread::scope(|scope| {
        let running: Vec<_> = (0..scene.workers.get()).map(|_| scope.spawn(decode)).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let wall = runs.iter().map(|run| run.wall).max().unwrap();
    Speed::of(runs.len() * scene.frames, wall, runs.iter().map(|run| run.cpu).sum())
}

/// The program itself.
pub(crate) fn pipeline(scene: &Scene<'_>) -> Pipeline {
    let workers = scene.workers.to_string();
    let camcount = Camcount::new();
    let mut command = camcount.command(["count", scene.clip, "--model", scene.model]);
    command.args(["--classes", "person", "--line", "middle: 0.5,0 -> 0.5,1", "--workers", &workers]);
    command.args(["--log", "camcount=debug,camcount_detect=debug", "--log-format", "json"]);
    let run = measure(command);
    let lines = run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut took, mut spent_ms) = (None, BTreeMap::new());
    for fields in lines.map(|mut line| line["fields"].take()) {
        let message = fields["message"].as_str().unwrap_or_default();
        if !["worked", "session ended"].contains(&message) {
            continue;
        }
        if message == "worked" {
            assert_eq!(fields["frames"], scene.frames, "every frame of the clip is looked at");
            took = fields["took_ms"].as_u64().map(Duration::from_millis);
        }
        let spent = fields.as_object().unwrap().iter().filter(|(name, _)| *name != "took_ms");
        for (name, ms) in spent.filter_map(|(name, ms)| Some((name.strip_suffix("_ms")?, ms.as_f64()?))) {
            *spent_ms.entry(name.to_owned()).or_default() += ms / scene.frames as f64;
        }
    }
    let took = took.unwrap();
    Pipeline {
        speed: Speed::of(scene.frames, took, run.cpu),
        around_s: (run.wall - took).as_secs_f64(),
        spent_ms,
        memory: run.memory,
    }
}

/// The same by supervision, trackers and ONNX Runtime; `None`, with a word on stderr, where they are not installed.
pub(crate) fn python(scene: &Scene<'_>) -> Option<Speed> {
    let Some(python) = std::env::var_os("CAMCOUNT_BENCH_PYTHON") else {
        eprintln!(
            "SKIPPED: Python's pipeline; CAMCOUNT_BENCH_PYTHON does not say which Python has its packages"
        );
        return None;
    };
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/python_pipeline.py"));
    command.args([scene.model, scene.clip, &scene.workers.to_string(), "1"]);
    let run = measure(command);
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(said["frames"], scene.frames, "every frame of the clip is looked at");
    Some(Speed::of(scene.frames, Duration::from_secs_f64(said["seconds"].as_f64().unwrap()), run.cpu))
}
