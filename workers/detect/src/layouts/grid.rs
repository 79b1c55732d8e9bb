//! The cells of feature maps, in the order in which anchor-free detectors list them.

use crate::network::InputShape;

/// One cell: where it lies in its map, and how many pixels it is wide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) stride: f32,
}

/// Strides that models are built with: three maps, or a fourth for large pictures.
const STRIDES: [&[u32]; 2] = [&[8, 16, 32], &[8, 16, 32, 64]];

/// The cells of a model whose answer has `count` of them: row by row, map after map.
///
/// # Errors
/// When no known set of strides gives so many.
pub(super) fn cells(input: InputShape, count: usize) -> Result<Vec<Cell>, String> {
    let sides = |stride: u32| (input.width / stride, input.height / stride);
    let total = |strides: &[u32]| -> usize {
        strides.iter().map(|s| sides(*s).0 as usize * sides(*s).1 as usize).sum()
    };
    let Some(strides) = STRIDES.into_iter().find(|strides| total(strides) == count) else {
        return Err(format!(
            "it answers with {count} boxes, and a {}x{} picture has {} cells at strides 8, 16 and 32",
            input.width,
            input.height,
            total(STRIDES[0])
        ));
    };
    let mut cells = Vec::with_capacity(count);
    for &stride in strides {
        let (columns, rows) = sides(stride);
        for y in 0..rows {
            cells.extend((0..columns).map(|x| Cell { x: x as f32, y: y as f32, stride: stride as f32 }));
        }
    }
    Ok(cells)
}
