//! How fast the whole pipeline is, beside what limits it and beside a pipeline of Python's, all on the same frames and
//! in turn. `just bench-pipeline` runs it.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "the tests of the program use the rest")]
mod harness;
mod measure;
mod runs;
mod table;

use std::{collections::BTreeSet, num::NonZeroUsize, thread::available_parallelism};

use camcount_domain::FrameSize;
use harness::{Camcount, ffmpeg, test_data};
use runs::{Scene, decoding_alone, inference_alone, pipeline, python};
use table::{Round, tell};

/// 795 frames of people at 10 frames a second, so that every frame is looked at.
const FOOTAGE: &str = "videos/vtest_pets09s2l1_480x360.mp4";
const SIZE: FrameSize = FrameSize { width: 480, height: 360 };
const FRAMES: usize = 795;

/// Models, and how often the footage is repeated for each, so that starting does not dominate.
const MODELS: [(&str, usize); 2] = [("yolox_nano_416", 4), ("yolov8n_640_fp32_dequant", 1)];

/// Of the slower of inference alone and decoding alone, where decoding has a core of its own.
const OF_THE_LIMIT: f64 = 0.9;
/// How many times as fast as Python's pipeline, where both have all the cores.
const OVER_PYTHON: f64 = 1.5;

#[test]
#[ignore = "takes minutes; just bench-pipeline runs it"]
fn the_pipeline_reaches_its_limit() {
    let Some(footage) = test_data(FOOTAGE) else { return };
    let rounds = std::env::var("CAMCOUNT_BENCH_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let asked = std::env::var("CAMCOUNT_BENCH_MODELS").unwrap_or_default();
    let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut short = Vec::new();
    for (model, repeats) in MODELS.into_iter().filter(|(model, _)| asked.is_empty() || asked.contains(model))
    {
        let Some(path) = test_data(&format!("models/{model}.onnx")) else { return };
        let camcount = Camcount::new();
        let clip = camcount.path("clip.mp4");
        let clip = clip.to_str().unwrap();
        ffmpeg(["-stream_loop", &(repeats - 1).to_string(), "-i", &footage, "-c", "copy", clip]);
        for workers in BTreeSet::from([NonZeroUsize::MIN, cores]) {
            let scene = Scene { model: &path, clip, size: SIZE, frames: FRAMES * repeats, workers };
            let before = measure::load();
            let rounds: Vec<Round> = (0..rounds)
                .map(|_| Round {
                    inference: inference_alone(&scene),
                    decoding: decoding_alone(&scene),
                    pipeline: pipeline(&scene),
                    python: python(&scene),
                })
                .collect();
            println!(
                "\n{model}: {} frames of {}x{} pixels, workers: {workers}, cores: {cores}; load {before} before, {} after",
                scene.frames,
                SIZE.width,
                SIZE.height,
                measure::load()
            );
            // Where inference has all the cores, decoding must take from it, and the slower of both is out of reach.
            let shared = (workers == cores).then_some(cores);
            let (of_the_limit, over_python) = tell(&rounds, shared);
            if shared.is_none() && of_the_limit < OF_THE_LIMIT {
                short.push(format!("{model}: {of_the_limit:.2} of the slower limit, {OF_THE_LIMIT} wanted"));
            }
            if let Some(over_python) = over_python.filter(|ratio| shared.is_some() && *ratio < OVER_PYTHON) {
                let wanted = format!("{OVER_PYTHON} wanted");
                short.push(format!("{model}: {over_python:.2} times as fast as Python, {wanted}"));
            }
        }
    }
    assert!(short.is_empty(), "\n{}", short.join("\n"));
}
