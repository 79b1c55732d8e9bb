//! YOLOX: `(batch, cells, 5 + classes)`, one row a cell: centre, size, objectness, class scores.
//!
//! The usual export leaves centre and size relative to the cell (raw grid): centre = (cell + value) · stride,
//! size = exp(value) · stride (Ge et al. 2021, arXiv:2107.08430, and the demo code beside it). An export
//! with decoding inside has the same shape and gives pixels; an empty picture tells the two apart.

use camcount_domain::{Confidence, Fit, PixelFormat};

use super::{
    Candidate, Layout, Preparation, Recognition, corners,
    grid::{Cell, cells},
    only_output, told, with_objectness,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

struct YoloX {
    cells: Vec<Cell>,
    classes: usize,
    raw: bool,
}

pub(super) fn recognise(_graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    let (output, rows, columns) = only_output(outputs)?;
    if columns < 6 || columns >= rows {
        return Err("its last dimension is not 5 + classes".to_owned());
    }
    let cells = cells(input, rows)?;
    // Raw centres are a cell or two; decoded ones reach across the picture.
    let furthest = output.slot(0).iter().step_by(columns).fold(0.0_f32, |most, x| most.max(*x));
    let raw = furthest < input.width as f32 / 4.0;
    let (count, classes) = (cells.len(), columns - 5);
    let places = if raw { "relative to their cells" } else { "in pixels" };
    told(
        YoloX { cells, classes, raw },
        [
            format!("{rows} rows: one box for each of {count} cells"),
            format!("{columns} columns: centre, size, objectness and {classes} class scores"),
            format!("no centre of an empty picture is beyond {furthest:.0} pixels: places are {places}"),
        ],
    )
}

impl Layout for YoloX {
    fn name(&self) -> &'static str {
        if self.raw { "yolox raw grid" } else { "yolox decoded" }
    }

    fn has_grid(&self) -> bool {
        self.raw
    }

    fn preparation(&self) -> Preparation {
        Preparation {
            fit: Fit::TopLeft { pad: 114 },
            pixels: PixelFormat::Bgr,
            mean: [0.0; 3],
            divisor: [1.0; 3],
        }
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let values = outputs.first().map_or(&[][..], |output| output.slot(slot));
        with_objectness(values, 5 + self.classes, floor, |number, row| match self.cells.get(number) {
            Some(Cell { x, y, stride }) if self.raw => corners(
                (x + row[0]) * stride,
                (y + row[1]) * stride,
                row[2].exp() * stride,
                row[3].exp() * stride,
            ),
            _ => corners(row[0], row[1], row[2], row[3]),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{
        super::tests::{output, recognised},
        *,
    };

    /// One answer for a 64x64 picture (64 + 16 + 4 cells) with two classes.
    fn answer(cell: usize, row: [f32; 7]) -> Output<'static> {
        let mut values = vec![0.0; 84 * 7];
        values[cell * 7..(cell + 1) * 7].copy_from_slice(&row);
        output(&[1, 84, 7], values)
    }

    fn layout() -> Arc<dyn Layout> {
        recognised(None, &[answer(0, [0.0; 7])]).unwrap().layout
    }

    #[test]
    fn a_raw_cell_becomes_a_box() {
        // The second cell of the second row of the map of stride 16, which begins after 64 cells.
        let row = [0.5, 0.25, 2.0_f32.ln(), 0.0, 0.8, 0.1, 0.5];
        let found = layout().read(&[answer(64 + 4 + 1, row)], 0, Confidence(1000));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].confidence), (1, Confidence(4000)));
        for (got, wanted) in found[0].pixels.iter().zip([8.0, 12.0, 40.0, 28.0]) {
            assert!((got - wanted).abs() < 1e-4, "{:?}", found[0].pixels);
        }
    }

    #[test]
    fn the_floor_is_met_after_rounding() {
        let row = |score| [0.0, 0.0, 0.0, 0.0, 1.0, score, 0.0];
        assert_eq!(layout().read(&[answer(0, row(0.099_96))], 0, Confidence(1000)).len(), 1);
        assert_eq!(layout().read(&[answer(0, row(0.099_94))], 0, Confidence(1000)).len(), 0);
    }
}
