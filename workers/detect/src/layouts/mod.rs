//! What the numbers in and out of a model mean. One file a layout: how pictures are prepared for it, how
//! its outputs read, and how a model of it is recognised.

mod grid;
mod yolov8;
mod yolox;

use std::sync::Arc;

use camcount_domain::{Confidence, Fit, PixelFormat};

use crate::{
    graph::Graph,
    network::{InputShape, Levels, Output},
};

/// Something a model may have seen; where, in pixels of the picture it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Left, top, right, bottom.
    pub(crate) pixels: [f32; 4],
    pub(crate) class: u16,
    pub(crate) confidence: Confidence,
}

/// How a picture is prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Preparation {
    pub(crate) fit: Fit,
    pub(crate) pixels: PixelFormat,
    /// What is taken from every byte, by channel, before it is divided.
    pub(crate) mean: [f32; 3],
    /// What it is divided by, by channel.
    pub(crate) divisor: [f32; 3],
}

impl Preparation {
    pub(crate) fn levels(&self) -> Levels {
        std::array::from_fn(|channel| {
            std::array::from_fn(|byte| (byte as f32 - self.mean[channel]) / self.divisor[channel])
        })
    }
}

/// One way in which models answer.
pub(crate) trait Layout: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// How it wants its pictures.
    fn preparation(&self) -> Preparation;

    /// How many classes it tells apart.
    fn classes(&self) -> usize;

    /// Reads the answer for the picture in `slot`: everything of at least `floor`, overlaps included.
    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate>;
}

/// The layout, or why it is another one.
type Recognised = Result<Arc<dyn Layout>, String>;

/// Tries one layout on a model, its input and its answer to an empty picture.
type Recogniser = fn(&Graph, InputShape, &[Output<'_>]) -> Recognised;

const KNOWN: [(&str, Recogniser); 2] = [("YOLOX", yolox::recognise), ("YOLOv8", yolov8::recognise)];

/// Finds the layout of a model.
///
/// # Errors
/// Why it is none of the known ones, each with its reason.
pub(crate) fn recognise(graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognised {
    if let Some(task) = graph.task.as_deref().filter(|task| *task != "detect") {
        return Err(format!("It is made for the task {task:?}; only detection can be used"));
    }
    let mut reasons = Vec::new();
    for (name, recognise) in KNOWN {
        match recognise(graph, input, outputs) {
            Ok(layout) => return Ok(layout),
            Err(reason) => reasons.push(format!("not {name}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

/// The only output and its dimensions after the batch.
fn only_output<'a>(outputs: &'a [Output<'_>]) -> Result<(&'a Output<'a>, usize, usize), String> {
    let [output] = outputs else {
        return Err(format!("it has {} outputs instead of one", outputs.len()));
    };
    match output.shape[..] {
        [_, rows, columns] => Ok((output, rows, columns)),
        _ => Err("its output has not three dimensions".to_owned()),
    }
}

/// The likeliest class. Rounding comes first, so that noise in the last bits does not choose between two;
/// the lower index wins a tie.
fn likeliest(scores: impl Iterator<Item = f32>) -> (u16, Confidence) {
    let mut best = (0, Confidence(0));
    for (class, score) in (0..=u16::MAX).zip(scores) {
        let confidence = Confidence::from_unit(score);
        if confidence > best.1 {
            best = (class, confidence);
        }
    }
    best
}

/// The least score that can round to `floor`, less a margin for the rounding itself.
fn before_rounding(floor: Confidence) -> f32 {
    floor.as_unit() as f32 - 1e-4
}

/// Corners from a centre and a size.
fn corners(x: f32, y: f32, width: f32, height: f32) -> [f32; 4] {
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}
