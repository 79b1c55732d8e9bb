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

/// Columns and rows of the map at `stride`; a rest of the picture has cells of its own.
fn sides(input: InputShape, stride: u32) -> (u32, u32) {
    (input.width.div_ceil(stride), input.height.div_ceil(stride))
}

/// How many cells the map at `stride` has.
pub(super) fn count(input: InputShape, stride: u32) -> usize {
    let (columns, rows) = sides(input, stride);
    columns as usize * rows as usize
}

/// The cells of the map at `stride`, row by row.
pub(super) fn map(input: InputShape, stride: u32) -> impl Iterator<Item = Cell> {
    let (columns, rows) = sides(input, stride);
    (0..rows).flat_map(move |y| {
        (0..columns).map(move |x| Cell { x: x as f32, y: y as f32, stride: stride as f32 })
    })
}

/// The cells of a model whose answer has `wanted` of them: row by row, map after map.
///
/// # Errors
/// When no known set of strides gives so many.
pub(super) fn cells(input: InputShape, wanted: usize) -> Result<Vec<Cell>, String> {
    let total = |strides: &[u32]| -> usize { strides.iter().map(|stride| count(input, *stride)).sum() };
    match STRIDES.into_iter().find(|strides| total(strides) == wanted) {
        Some(strides) => Ok(strides.iter().flat_map(|stride| map(input, *stride)).collect()),
        None => Err(format!(
            "it answers with {wanted} boxes, and a {}x{} picture has {} cells at strides 8, 16 and 32",
            input.width,
            input.height,
            total(STRIDES[0])
        )),
    }
}
