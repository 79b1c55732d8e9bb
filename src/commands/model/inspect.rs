//! `camcount model inspect`: what is recognised in a model and why, and what it sees in a picture.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use camcount_decode::Ffmpeg;
use camcount_detect::{Detect, Explanation, OnnxDetector, OnnxOptions};
use camcount_domain::{
    BoxF, CameraId, Detection, Fit, FrameSize, MediaSpan, MediaTime, PixelFormat, Rate, Recording,
};
use clap::Args;
use serde_json::{Value, json};

use crate::config::Config;

/// Arguments of `model inspect`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  camcount model inspect yolox_nano.onnx street.jpg")]
pub(crate) struct InspectArgs {
    /// The model
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// A picture to run it on; of footage, the first frame
    picture: Option<PathBuf>,
    /// The layout to take it for, where another one is recognised: YOLOX, YOLOv5, YOLOv8, end-to-end, RT-DETR,
    /// SSD or NanoDet
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// What is less sure than this is left out, 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = 0.25)]
    score: f32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What was found in a picture.
struct Seen {
    size: FrameSize,
    detections: Vec<Detection>,
}

/// Runs the command.
pub(super) fn run(args: &InspectArgs, config: &Config) -> Result<ExitCode> {
    let options = OnnxOptions {
        device: config.device,
        library: config.onnxruntime.clone(),
        sessions: Some(std::num::NonZeroUsize::MIN),
        score_floor: args.score,
        layout: args.layout.clone(),
        ..OnnxOptions::new(&args.model)
    };
    let detector = OnnxDetector::open(&options)?;
    let seen = match &args.picture {
        Some(picture) => Some(look(&detector, &picture.to_string_lossy(), config)?),
        None => None,
    };
    let explanation = detector.explain();
    let mut out = std::io::stdout().lock();
    if args.json {
        let sha256 = detector.describe(Rate::DEFAULT).sha256;
        writeln!(out, "{:#}", document(explanation, &sha256, seen.as_ref()))?;
    } else {
        print(&mut out, explanation)?;
        if let Some(seen) = &seen {
            print_seen(&mut out, explanation, seen)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The detections in the first frame of `source`.
fn look(detector: &OnnxDetector, source: &str, config: &Config) -> Result<Seen> {
    let ffmpeg = Ffmpeg::new(config.ffmpeg.clone());
    let probe = ffmpeg.probe(source)?;
    let size = probe.frame_size;
    let recording = Recording {
        camera: CameraId::of_footage(source),
        source: source.to_owned(),
        span: MediaSpan { start: MediaTime(0), end: MediaTime(probe.frame_interval_us) },
        origin_us: probe.start_us,
        frame_size: size,
        frame_interval_us: probe.frame_interval_us,
    };
    let mut frames = ffmpeg.frames(&recording, MediaSpan::ALL, Rate::DEFAULT, &detector.picture(size))?;
    let frame = frames.next().with_context(|| format!("{source} holds no picture"))??;
    let detections = detector.submit(frame, size, None).wait()?.detections;
    Ok(Seen { size, detections })
}

fn print(out: &mut impl Write, explanation: &Explanation) -> Result<()> {
    let Explanation { layout, reasons, inputs, outputs, picture, order, batch, classes, .. } = explanation;
    writeln!(out, "layout   {layout}")?;
    for reason in reasons {
        writeln!(out, "         - {reason}")?;
    }
    writeln!(out, "inputs   {}", inputs.join("\n         "))?;
    writeln!(out, "outputs  {}", outputs.join("\n         "))?;
    let FrameSize { width, height } = picture.size;
    writeln!(
        out,
        "picture  {width}x{height} {}, {}, {order}, {batch} at a time",
        channels(picture.pixels),
        fit(picture.fit)
    )?;
    if explanation.cut {
        writeln!(out, "         cut to the shape of the footage, down to half a side")?;
    }
    writeln!(out, "values   {}", values(explanation))?;
    writeln!(out, "classes  {}, from {}: {}", classes.len(), explanation.classes_from, classes.join(", "))?;
    Ok(())
}

fn print_seen(out: &mut impl Write, explanation: &Explanation, seen: &Seen) -> Result<()> {
    let FrameSize { width, height } = seen.size;
    writeln!(out, "\n{} in the picture of {width}x{height}", seen.detections.len())?;
    writeln!(out, "{:>10}  {:16} left top width height (pixels)", "confidence", "class")?;
    for detection in &seen.detections {
        let [left, top, width, height] = pixels(detection, seen.size);
        let class = name(explanation, detection);
        let confidence = detection.confidence.as_unit();
        writeln!(out, "{confidence:>10.2}  {class:16} {left:.0} {top:.0} {width:.0} {height:.0}")?;
    }
    Ok(())
}

fn channels(pixels: PixelFormat) -> &'static str {
    match pixels {
        PixelFormat::Rgb => "RGB",
        PixelFormat::Bgr => "BGR",
        PixelFormat::GbrPlanes => "planes of G, B and R",
        PixelFormat::Gray => "gray",
    }
}

fn fit(fit: Fit) -> String {
    match fit {
        Fit::Stretch => "stretched".to_owned(),
        Fit::TopLeft { pad } => format!("aspect kept, at the top left, {pad} around"),
        Fit::Centre { pad } => format!("aspect kept, in the middle, {pad} around"),
    }
}

fn values(explanation: &Explanation) -> String {
    match (explanation.mean, explanation.divisor) {
        (Some(mean), Some(divisor)) if mean == [0.0; 3] && divisor == [1.0; 3] => {
            "bytes, as numbers".to_owned()
        }
        (Some(mean), Some(divisor)) if mean == [0.0; 3] => format!("bytes / {}", divisor[0]),
        (Some(mean), Some(divisor)) => format!("(bytes - {mean:?}) / {divisor:?}"),
        _ => "bytes".to_owned(),
    }
}

fn name<'a>(explanation: &'a Explanation, detection: &Detection) -> &'a str {
    explanation.classes.get(usize::from(detection.class)).map_or("?", String::as_str)
}

/// Left, top, width and height in pixels.
fn pixels(detection: &Detection, size: FrameSize) -> [f64; 4] {
    let bbox = BoxF::from(detection.bbox);
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    [bbox.left * width, bbox.top * height, bbox.width() * width, bbox.height() * height]
}

fn document(explanation: &Explanation, sha256: &str, seen: Option<&Seen>) -> Value {
    let mut document = json!({
        "sha256": sha256,
        "layout": explanation.layout,
        "reasons": explanation.reasons,
        "inputs": explanation.inputs,
        "outputs": explanation.outputs,
        "picture": {
            "size": explanation.picture.size,
            "fit": explanation.picture.fit,
            "cut": explanation.cut,
            "pixels": explanation.picture.pixels,
            "order": explanation.order,
            "batch": explanation.batch,
            "mean": explanation.mean,
            "divisor": explanation.divisor,
        },
        "classes": explanation.classes,
        "classes_from": explanation.classes_from,
    });
    if let Some(seen) = seen {
        let detections: Vec<_> = seen
            .detections
            .iter()
            .map(|detection| {
                json!({
                    "class": name(explanation, detection),
                    "confidence": detection.confidence.as_unit(),
                    "box_px": pixels(detection, seen.size).map(|value| (value * 10.0).round() / 10.0),
                })
            })
            .collect();
        document["seen"] = json!({ "size": seen.size, "detections": detections });
    }
    document
}
