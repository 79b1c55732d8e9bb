//! YOLOv5, YOLOv7 and their kin: `(batch, 3 · cells, 5 + classes)`, one row for each of a cell's three
//! anchors: centre and size in pixels of the picture, objectness, class scores. Decoded inside the model.

use camcount_domain::Confidence;

use super::{
    Candidate, Layout, Preparation, Recognition, corners, grid::cells, only_output, told, with_objectness,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

/// Boxes that each cell guesses (`anchors` of the models' configurations).
const ANCHORS: usize = 3;

struct YoloV5 {
    classes: usize,
}

pub(super) fn recognise(_graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    let (_, rows, columns) = only_output(outputs)?;
    if columns < 6 || columns >= rows {
        return Err("its last dimension is not 5 + classes".to_owned());
    }
    if rows % ANCHORS != 0 {
        return Err(format!("it answers with {rows} boxes, which is not three a cell"));
    }
    let cells =
        cells(input, rows / ANCHORS).map_err(|reason| format!("with three boxes a cell, {reason}"))?;
    let classes = columns - 5;
    told(
        YoloV5 { classes },
        [
            format!("{rows} rows: three boxes for each of {} cells", cells.len()),
            format!("{columns} columns: centre, size, objectness and {classes} class scores"),
        ],
    )
}

impl Layout for YoloV5 {
    fn name(&self) -> &'static str {
        "yolov5"
    }

    fn preparation(&self) -> Preparation {
        Preparation::ULTRALYTICS
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let values = outputs.first().map_or(&[][..], |output| output.slot(slot));
        with_objectness(values, 5 + self.classes, floor, |_, row| corners(row[0], row[1], row[2], row[3]))
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
        let mut values = vec![0.0; 252 * 7];
        values[100 * 7..101 * 7].copy_from_slice(&[32.0, 20.0, 10.0, 8.0, 0.8, 0.1, 0.5]);
        let answer = [output(&[1, 252, 7], values)];
        let layout = recognised(None, &answer).unwrap().layout;
        assert_eq!((layout.name(), layout.classes()), ("yolov5", 2));
        let wanted = Candidate { pixels: [27.0, 16.0, 37.0, 24.0], class: 1, confidence: Confidence(4000) };
        assert_eq!(layout.read(&answer, 0, Confidence(4000)), [wanted]);
        assert_eq!(layout.read(&answer, 0, Confidence(4001)), []);
    }
}
