//! YOLOv8, YOLO11 and their kin: `(batch, 4 + classes, cells)`, one column a cell: centre and size in pixels
//! of the picture, then one score a class. There is no objectness.

use camcount_domain::Confidence;

use super::{
    Candidate, Layout, Preparation, Recognition, before_rounding, corners, grid::cells, likeliest,
    only_output, told,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

struct YoloV8 {
    cells: usize,
    classes: usize,
}

pub(super) fn recognise(_graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    let (_, rows, columns) = only_output(outputs)?;
    if rows < 5 || rows >= columns {
        return Err("its second dimension is not 4 + classes".to_owned());
    }
    let cells = cells(input, columns)?.len();
    let classes = rows - 4;
    told(
        YoloV8 { cells, classes },
        [
            format!("{columns} columns: one box for each of {cells} cells"),
            format!("{rows} rows: centre, size and {classes} class scores, without objectness"),
        ],
    )
}

impl Layout for YoloV8 {
    fn name(&self) -> &'static str {
        "yolov8"
    }

    fn preparation(&self) -> Preparation {
        Preparation::ULTRALYTICS
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let values = outputs.first().map_or(&[][..], |output| output.slot(slot));
        let rows: Vec<&[f32]> = values.chunks_exact(self.cells).collect();
        let Some((&[x, y, width, height], scores)) = rows.split_first_chunk::<4>() else {
            return Vec::new();
        };
        // Row by row, as it lies in memory: the best score of every cell.
        let mut best = vec![0.0_f32; self.cells];
        for row in scores {
            for (best, score) in best.iter_mut().zip(*row) {
                *best = best.max(*score);
            }
        }
        let least = before_rounding(floor);
        let likely = best.iter().enumerate().filter(|(_, best)| **best >= least).map(|(cell, _)| cell);
        likely
            .map(|cell| {
                let (class, confidence) = likeliest(scores.iter().map(|row| row[cell]));
                let pixels = corners(x[cell], y[cell], width[cell], height[cell]);
                Candidate { pixels, class, confidence }
            })
            .filter(|candidate| candidate.confidence >= floor)
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
    fn a_column_becomes_a_box() {
        let mut values = vec![0.0; 6 * 84];
        for (row, value) in [32.0, 20.0, 10.0, 8.0, 0.3, 0.7].into_iter().enumerate() {
            values[row * 84 + 17] = value;
        }
        let answer = [output(&[1, 6, 84], values)];
        let layout = recognised(Some(2), &answer).unwrap().layout;
        assert_eq!(layout.name(), "yolov8");
        let wanted = Candidate { pixels: [27.0, 16.0, 37.0, 24.0], class: 1, confidence: Confidence(7000) };
        assert_eq!(layout.read(&answer, 0, Confidence(1000)), [wanted]);
    }

    #[test]
    fn poses_are_not_taken_for_classes() {
        let answer = [output(&[1, 56, 84], vec![0.0; 56 * 84])];
        let reasons = recognised(Some(1), &answer).err().unwrap();
        assert!(reasons.contains("it names 1 classes"), "{reasons}");
    }
}
