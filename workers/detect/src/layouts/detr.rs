//! RT-DETR, D-FINE, DEIM and their kin, as their authors export them: outputs `labels`, `boxes` (left, top,
//! right, bottom) and `scores`, and a second input with the size to which the boxes are scaled. One box an
//! object; a batch of 1 may be squeezed away.

use camcount_domain::{Confidence, Fit, PixelFormat};

use super::{
    Candidate, Layout, Preparation, Recognition, are_numbers, are_shares, classes_named, sorted_out, told,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

struct Detr {
    labels: usize,
    boxes: usize,
    scores: usize,
    classes: usize,
}

pub(super) fn recognise(graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    if !input.takes_size {
        return Err("it has no second input for the picture's size".to_owned());
    }
    let find = |name: &str| {
        let at = outputs.iter().position(|output| output.name == name);
        at.ok_or_else(|| format!("it has no output {name}"))
    };
    let (labels, boxes, scores) = (find("labels")?, find("boxes")?, find("scores")?);
    let count = outputs[scores].len();
    if outputs[labels].len() != count || outputs[boxes].len() != 4 * count {
        return Err("it has not one label, four edges and one score a box".to_owned());
    }
    if !are_shares(outputs[scores].slot(0)) || !are_numbers(outputs[labels].slot(0)) {
        return Err("its scores and labels are not shares and class numbers".to_owned());
    }
    let (classes, of_names) = classes_named(graph);
    told(
        Detr { labels, boxes, scores, classes },
        [
            "a second input takes the size that boxes are scaled to".to_owned(),
            format!("outputs labels, boxes and scores, for {count} boxes"),
            of_names,
        ],
    )
}

impl Layout for Detr {
    fn name(&self) -> &'static str {
        "rt-detr"
    }

    /// As their authors evaluate them: stretched, 0..=1.
    fn preparation(&self) -> Preparation {
        Preparation { fit: Fit::Stretch, pixels: PixelFormat::Rgb, mean: [0.0; 3], divisor: [255.0; 3] }
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let part = |at: usize| outputs.get(at).map_or(&[][..], |output| output.slot(slot));
        let boxes = part(self.boxes).as_chunks::<4>().0;
        let judged = part(self.labels).iter().zip(part(self.scores));
        boxes
            .iter()
            .zip(judged)
            .filter_map(|(pixels, (label, score))| sorted_out(*pixels, *label, *score, self.classes, floor))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            recognise,
            tests::{INPUT, graph},
        },
        *,
    };

    fn answer(name: &'static str, batch: usize, shape: &[usize], values: &[f32]) -> Output<'static> {
        Output { name, shape: shape.to_vec(), batch, values: values.to_vec().into() }
    }

    #[test]
    fn a_batch_of_one_may_be_squeezed_away() {
        let input = InputShape { takes_size: true, ..INPUT };
        let outputs = [
            answer("labels", 1, &[2], &[2.0, 0.0]),
            answer("boxes", 1, &[2, 4], &[27.0, 16.0, 37.0, 24.0, 1.0, 2.0, 3.0, 4.0]),
            answer("scores", 1, &[2], &[0.7, 0.05]),
        ];
        let layout = recognise(&graph(None), input, &outputs, None).unwrap().1.layout;
        assert_eq!((layout.name(), layout.classes()), ("rt-detr", 80));
        let wanted = Candidate { pixels: [27.0, 16.0, 37.0, 24.0], class: 2, confidence: Confidence(7000) };
        assert_eq!(layout.read(&outputs, 0, Confidence(1000)), [wanted]);
        assert!(recognise(&graph(None), INPUT, &outputs, None).is_err(), "the size is missing");
    }

    #[test]
    fn every_picture_of_a_batch_has_its_boxes() {
        let input = InputShape { takes_size: true, batch: 2, ..INPUT };
        let outputs = [
            answer("boxes", 2, &[2, 1, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
            answer("scores", 2, &[2, 1], &[0.5, 0.6]),
            answer("labels", 2, &[2, 1], &[0.0, 1.0]),
        ];
        let layout = recognise(&graph(Some(2)), input, &outputs, None).unwrap().1.layout;
        let wanted = Candidate { pixels: [5.0, 6.0, 7.0, 8.0], class: 1, confidence: Confidence(6000) };
        assert_eq!(layout.read(&outputs, 1, Confidence(1000)), [wanted]);
    }
}
