//! SSD and other models of TensorFlow's Object Detection API: boxes (top, left, bottom, right; shares of the
//! picture), class numbers, scores, and the count of boxes that mean something. One box an object; pictures
//! are stretched.
//!
//! Class numbers are COCO's own ids, 1..=90 with gaps, counted from 0 by TensorFlow Lite's post-processing
//! and from 1 elsewhere.

use camcount_domain::{Confidence, Fit, PixelFormat};

use super::{Candidate, Layout, Preparation, Recognition, are_numbers, are_shares, sorted_out, told};
use crate::{
    graph::{Element, Graph},
    network::{InputShape, Output},
};

/// The ids up to 90 that COCO gives to no class (`mscoco_label_map.pbtxt` of the Object Detection API).
const GAPS: [u16; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// The last of COCO's ids.
const LAST: u16 = 90;

struct Ssd {
    boxes: usize,
    classes: usize,
    scores: usize,
    count: usize,
    input: InputShape,
    /// The number of the first class.
    first: u16,
    /// How many classes were named; COCO's ids otherwise.
    named: Option<usize>,
}

pub(super) fn recognise(graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    if outputs.len() != 4 {
        return Err(format!("it has {} outputs instead of boxes, classes, scores and count", outputs.len()));
    }
    let edges = |output: &Output<'_>| output.shape.last() == Some(&4) && output.len() > 4;
    let boxes = outputs.iter().position(edges).ok_or("no output has four edges a box")?;
    let length = outputs[boxes].len() / 4;
    let rest = (0..outputs.len()).filter(|at| *at != boxes);
    let (judged, counts): (Vec<_>, Vec<_>) = rest.partition(|at| outputs[*at].len() == length);
    let (&[mut classes, mut scores], &[count]) = (&judged[..], &counts[..]) else {
        return Err("it has not one class and one score a box, and a count".to_owned());
    };
    if outputs[boxes].slot(0).iter().any(|edge| !(-1.0..=2.0).contains(edge)) {
        return Err("its boxes are not shares of the picture".to_owned());
    }
    // TensorFlow Lite's order; elsewhere the names say it.
    if outputs[classes].name.contains("score") || outputs[scores].name.contains("class") {
        (classes, scores) = (scores, classes);
    }
    if !are_numbers(outputs[classes].slot(0)) || !are_shares(outputs[scores].slot(0)) {
        return Err("its classes and scores are not class numbers and shares".to_owned());
    }
    let named = graph.names.as_ref().map(Vec::len);
    let first = u16::from(outputs[classes].name.contains("detection_classes"));
    let ids = match named {
        Some(named) => format!("class numbers mean the {named} named classes"),
        None => "class numbers, and no names: taken for COCO's ids with their gaps".to_owned(),
    };
    told(
        Ssd { boxes, classes, scores, count, input, first, named },
        [
            format!("outputs with boxes, classes and scores, for {length} boxes at most"),
            format!("{ids}, counted from {first}"),
        ],
    )
}

impl Ssd {
    /// From the model's class number to the index of the class.
    fn index(&self, number: f32) -> Option<f32> {
        let offset = (number as u16).checked_sub(self.first)?;
        match self.named {
            Some(_) => Some(f32::from(offset)),
            None => coco_index(offset + 1).map(f32::from),
        }
    }
}

/// The index among the 80 classes of one of COCO's ids.
fn coco_index(id: u16) -> Option<u16> {
    let gaps = GAPS.iter().filter(|gap| **gap < id).count() as u16;
    ((1..=LAST).contains(&id) && !GAPS.contains(&id)).then(|| id - 1 - gaps)
}

impl Layout for Ssd {
    fn name(&self) -> &'static str {
        "ssd"
    }

    /// Models that take bytes scale them themselves; the others take -1..=1 (MobileNet's preprocessing).
    fn preparation(&self) -> Preparation {
        let (mean, divisor) = if self.input.element == Element::U8 { (0.0, 1.0) } else { (127.5, 127.5) };
        Preparation { fit: Fit::Stretch, pixels: PixelFormat::Rgb, mean: [mean; 3], divisor: [divisor; 3] }
    }

    fn classes(&self) -> usize {
        self.named.unwrap_or(80)
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let part = |at: usize| outputs.get(at).map_or(&[][..], |output| output.slot(slot));
        let (width, height) = (self.input.width as f32, self.input.height as f32);
        let boxes = part(self.boxes).as_chunks::<4>().0;
        let most = part(self.count).first().map_or(boxes.len(), |count| *count as usize);
        let judged = part(self.classes).iter().zip(part(self.scores));
        boxes
            .iter()
            .zip(judged)
            .take(most)
            .filter_map(|(&[top, left, bottom, right], (number, score))| {
                let pixels = [left * width, top * height, right * width, bottom * height];
                sorted_out(pixels, self.index(*number)?, *score, self.classes(), floor)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{INPUT, recognised},
        *,
    };
    use crate::classes::default_names;

    fn answer(name: &'static str, shape: &[usize], values: &[f32]) -> Output<'static> {
        Output { name, shape: shape.to_vec(), batch: 1, values: values.to_vec().into() }
    }

    const BOXES: [f32; 12] = [0.25, 0.5, 0.5, 0.75, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0];

    #[test]
    fn a_box_comes_in_pixels_and_what_is_not_counted_is_left_out() {
        let outputs = [
            answer("x", &[1, 3, 4], &BOXES),
            answer("x:1", &[1, 3], &[2.0, 11.0, 0.0]),
            answer("x:2", &[1, 3], &[0.7, 0.6, 0.5]),
            answer("x:3", &[1], &[2.0]),
        ];
        let layout = recognised(None, &outputs).unwrap().layout;
        assert_eq!((layout.name(), layout.classes()), ("ssd", 80));
        // The second has an id that is no class, the third is not counted.
        let wanted = Candidate { pixels: [32.0, 16.0, 48.0, 32.0], class: 2, confidence: Confidence(7000) };
        assert_eq!(layout.read(&outputs, 0, Confidence(1000)), [wanted]);
    }

    #[test]
    fn tensorflow_counts_classes_from_one_and_sorts_by_name() {
        let outputs = [
            answer("num_detections", &[1], &[1.0]),
            answer("detection_scores", &[1, 3], &[0.7, 0.0, 0.0]),
            answer("detection_classes", &[1, 3], &[3.0, 1.0, 1.0]),
            answer("detection_boxes", &[1, 3, 4], &BOXES),
        ];
        let layout = recognised(None, &outputs).unwrap().layout;
        let found = layout.read(&outputs, 0, Confidence(1000));
        assert_eq!((found.len(), found[0].class), (1, 2));
        assert_eq!(layout.preparation().levels().table(0)[255], 1.0);
    }

    #[test]
    fn ids_are_cocos() {
        let names = default_names(80).unwrap();
        let name = |id| coco_index(id).map(|index| names[usize::from(index)].as_str());
        let known = [(1, "person"), (3, "car"), (13, "stop sign"), (27, "backpack"), (67, "dining table")];
        for (id, wanted) in known.into_iter().chain([(90, "toothbrush"), (84, "book"), (70, "toilet")]) {
            assert_eq!(name(id), Some(wanted), "{id}");
        }
        assert!([0, 12, 26, 83, 91].into_iter().all(|id| name(id).is_none()));
        assert_eq!((0..=100).filter_map(coco_index).collect::<Vec<_>>(), (0..80).collect::<Vec<_>>());
        assert_eq!(INPUT.element, Element::F32);
    }
}
