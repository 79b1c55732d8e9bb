//! YOLOv10, YOLO26 and other models with the sorting-out inside: `(batch, boxes, 6)`, one row a box: left,
//! top, right, bottom in pixels of the picture, score, class number. One box an object, surest first; but
//! weak doubles slip through, so they are suppressed like all others (PETS09-S2L1, YOLO26n: as many people
//! are found, at a precision of 0.954 instead of 0.937).

use camcount_domain::Confidence;

use super::{
    Candidate, Layout, Preparation, Recognition, are_numbers, are_shares, classes_named, only_output,
    sorted_out, told,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

struct EndToEnd {
    classes: usize,
}

pub(super) fn recognise(graph: &Graph, _input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    let (output, boxes, columns) = only_output(outputs)?;
    if columns != 6 {
        return Err("its last dimension is not 6: four edges, score and class".to_owned());
    }
    let column = |at: usize| -> Vec<f32> { output.slot(0).iter().skip(at).step_by(6).copied().collect() };
    if !are_shares(&column(4)) || !are_numbers(&column(5)) {
        return Err("its last two columns are not a score and a class number".to_owned());
    }
    let (classes, of_names) = classes_named(graph);
    told(
        EndToEnd { classes },
        [format!("{boxes} rows of 6: four edges, a score within 0 and 1, a whole class number"), of_names],
    )
}

impl Layout for EndToEnd {
    fn name(&self) -> &'static str {
        "end-to-end"
    }

    fn preparation(&self) -> Preparation {
        Preparation::ULTRALYTICS
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let values = outputs.first().map_or(&[][..], |output| output.slot(slot));
        let rows = values.as_chunks::<6>().0;
        rows.iter()
            .filter_map(|&[left, top, right, bottom, score, class]| {
                sorted_out([left, top, right, bottom], class, score, self.classes, floor)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{output, recognised},
        *,
    };

    #[test]
    fn a_row_becomes_a_box() {
        let sure = [27.0, 16.0, 37.0, 24.0, 0.7, 1.0];
        let unsure = [1.0, 2.0, 3.0, 4.0, 0.05, 0.0];
        let unknown = [1.0, 2.0, 3.0, 4.0, 0.9, 2.0];
        let answer = [output(&[1, 3, 6], [sure, unsure, unknown].concat())];
        let layout = recognised(Some(2), &answer).unwrap().layout;
        assert_eq!((layout.name(), layout.classes()), ("end-to-end", 2));
        let wanted = Candidate { pixels: [27.0, 16.0, 37.0, 24.0], class: 1, confidence: Confidence(7000) };
        assert_eq!(layout.read(&answer, 0, Confidence(1000)), [wanted]);
    }

    #[test]
    fn without_names_the_classes_are_cocos() {
        let answer = [output(&[1, 1, 6], vec![0.0; 6])];
        let recognised = recognised(None, &answer).unwrap();
        assert_eq!(recognised.layout.classes(), 80);
        assert!(recognised.reasons[1].contains("COCO"), "{:?}", recognised.reasons);
    }

    #[test]
    fn six_columns_of_something_else_are_refused() {
        let answer = [output(&[1, 1, 6], vec![1.0, 2.0, 3.0, 4.0, 0.5, 0.5])];
        assert!(recognised(None, &answer).is_err());
    }
}
