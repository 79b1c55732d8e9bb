//! What the numbers in and out of a model mean. One file a layout: how pictures are prepared for it, how
//! its outputs read, and how a model of it is recognised.

mod detr;
mod end_to_end;
mod grid;
mod nanodet;
mod ssd;
mod yolov5;
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
    /// What Ultralytics' models are trained on: grey bars around, red first, 0..=1.
    const ULTRALYTICS: Self =
        Self { fit: Fit::Centre { pad: 114 }, pixels: PixelFormat::Rgb, mean: [0.0; 3], divisor: [255.0; 3] };

    /// For each channel of the model's, which plane of the picture it is: they come as green, blue, red.
    pub(crate) fn planes(&self) -> [usize; 3] {
        match self.pixels {
            PixelFormat::Rgb => [2, 0, 1],
            PixelFormat::Bgr => [1, 0, 2],
            // No layout asks for these.
            PixelFormat::GbrPlanes | PixelFormat::Gray => [0, 1, 2],
        }
    }

    /// What each byte becomes, by channel of the model's.
    pub(crate) fn levels(&self) -> Levels {
        Levels { mean: self.mean, divisor: self.divisor }
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

    /// Whether it knows itself where in the picture each cell of the answer lies, and the model need not.
    fn has_grid(&self) -> bool {
        false
    }

    /// Reads the answer for the picture in `slot`: everything of at least `floor`, overlaps included.
    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate>;
}

/// A layout, and what it was told by.
pub(crate) struct Recognised {
    pub(crate) layout: Arc<dyn Layout>,
    pub(crate) reasons: Vec<String>,
}

/// The layout, or why it is another one.
type Recognition = Result<Recognised, String>;

/// `layout`, told by `reasons`.
fn told<const N: usize>(layout: impl Layout + 'static, reasons: [String; N]) -> Recognition {
    Ok(Recognised { layout: Arc::new(layout), reasons: reasons.into() })
}

/// Tries one layout on a model, its input and its answer to an empty picture.
type Recogniser = fn(&Graph, InputShape, &[Output<'_>]) -> Recognition;

/// The layouts, in the order in which they are tried.
const KNOWN: [(&str, Recogniser); 7] = [
    ("YOLOX", yolox::recognise),
    ("YOLOv5", yolov5::recognise),
    ("YOLOv8", yolov8::recognise),
    ("end-to-end", end_to_end::recognise),
    ("RT-DETR", detr::recognise),
    ("SSD", ssd::recognise),
    ("NanoDet", nanodet::recognise),
];

/// The names of the known layouts, as they can be asked for.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Finds the layout of a model, and which of [`names`] it goes by; only `wanted`, one of [`names`], where it is given.
///
/// # Errors
/// Why it is none of the known ones, each with its reason.
pub(crate) fn recognise(
    graph: &Graph,
    input: InputShape,
    outputs: &[Output<'_>],
    wanted: Option<&str>,
) -> Result<(&'static str, Recognised), String> {
    if let Some(task) = graph.task.as_deref().filter(|task| *task != "detect") {
        return Err(format!("It is made for the task {task:?}; only detection can be used"));
    }
    let mut reasons = Vec::new();
    for (name, recognise) in KNOWN {
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(name)) {
            continue;
        }
        match recognise(graph, input, outputs).and_then(|recognised| named(recognised, graph)) {
            Ok(recognised) => return Ok((name, recognised)),
            Err(reason) => reasons.push(format!("not {name}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

/// Refuses what has another number of classes than of names: more than classes is in its numbers then.
fn named(recognised: Recognised, graph: &Graph) -> Recognition {
    let counted = recognised.layout.classes();
    match graph.names.as_ref().map(Vec::len) {
        Some(named) if named != counted => {
            Err(format!("it names {named} classes, and its answer would have {counted}"))
        }
        _ => Ok(recognised),
    }
}

/// The classes of an answer that has class numbers but does not show how many there are: as many as are
/// named, or else COCO's 80.
fn classes_named(graph: &Graph) -> (usize, String) {
    match &graph.names {
        Some(names) => (names.len(), format!("class numbers mean the {} named classes", names.len())),
        None => (80, "class numbers, and no names: taken for the 80 classes of COCO".to_owned()),
    }
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

/// Whether all are shares, 0..=1.
fn are_shares(values: &[f32]) -> bool {
    values.iter().all(|value| (0.0..=1.0).contains(value))
}

/// Whether all are class numbers.
fn are_numbers(values: &[f32]) -> bool {
    values.iter().all(|value| value.fract() == 0.0 && (0.0..=f32::from(u16::MAX)).contains(value))
}

/// Reads rows of four values of place, objectness, and class scores; `place` makes a box of a row.
fn with_objectness(
    values: &[f32],
    columns: usize,
    floor: Confidence,
    place: impl Fn(usize, &[f32]) -> [f32; 4],
) -> Vec<Candidate> {
    let least = before_rounding(floor);
    let mut found = Vec::new();
    for (number, row) in values.chunks_exact(columns).enumerate() {
        let objectness = row[4];
        if objectness < least {
            continue;
        }
        let (class, confidence) = likeliest(row[5..].iter().map(|score| score * objectness));
        if confidence >= floor {
            found.push(Candidate { pixels: place(number, row), class, confidence });
        }
    }
    found
}

/// One box of an answer that was already sorted out: unsure ones and unknown classes are left out.
fn sorted_out(
    pixels: [f32; 4],
    class: f32,
    score: f32,
    classes: usize,
    floor: Confidence,
) -> Option<Candidate> {
    let confidence = Confidence::from_unit(score);
    let known = are_numbers(&[class]) && (class as usize) < classes;
    (known && confidence >= floor).then_some(Candidate { pixels, class: class as u16, confidence })
}

/// The likeliest class. Rounding comes first, so that noise in the last bits does not choose between two;
/// the lower index wins a tie.
fn likeliest(scores: impl Iterator<Item = f32>) -> (u16, Confidence) {
    let mut best = (0, Confidence(0));
    let mut least = before_rounding(best.1);
    for (class, score) in (0..=u16::MAX).zip(scores) {
        // Most are far below, and rounding takes its time.
        if score < least {
            continue;
        }
        let confidence = Confidence::from_unit(score);
        if confidence > best.1 {
            best = (class, confidence);
            least = before_rounding(confidence);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A model that says nothing about itself but its class names.
    pub(super) fn graph(names: Option<usize>) -> Graph {
        let names = names.map(|count| vec![String::new(); count]);
        Graph { inputs: Vec::new(), outputs: Vec::new(), names, task: None, image_size: None }
    }

    /// Planes of 64x64: 64 + 16 + 4 cells at strides 8, 16 and 32.
    pub(super) const INPUT: InputShape = InputShape::planes(1, 64, 64);

    /// An output for one picture.
    pub(super) fn output(shape: &[usize], values: Vec<f32>) -> Output<'static> {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        Output { name: "output", shape: shape.to_vec(), batch: 1, values: values.into() }
    }

    /// What is recognised in `outputs`.
    pub(super) fn recognised(names: Option<usize>, outputs: &[Output<'_>]) -> Recognition {
        recognise(&graph(names), INPUT, outputs, None).map(|(_, recognised)| recognised)
    }

    #[test]
    fn what_is_unknown_is_told_from_every_layout() {
        let reasons = recognised(None, &[output(&[1, 7, 7], vec![0.0; 49])]).err().unwrap();
        for name in names() {
            assert!(reasons.contains(&format!("not {name}: ")), "{reasons}");
        }
    }

    #[test]
    fn a_layout_that_was_asked_for_is_the_only_one_tried() {
        let outputs = [output(&[1, 84, 7], vec![0.0; 84 * 7])];
        let asked = |name| recognise(&graph(None), INPUT, &outputs, Some(name));
        let (name, recognised) = asked("yolox").unwrap();
        assert_eq!((name, recognised.layout.name()), ("YOLOX", "yolox raw grid"));
        let reasons = asked("YOLOv5").err().unwrap();
        assert!(reasons.starts_with("not YOLOv5: ") && !reasons.contains(';'), "{reasons}");
    }
}
