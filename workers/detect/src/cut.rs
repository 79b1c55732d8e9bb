//! Models of a fixed size, cut to the shape of the footage, so that no time goes into the bars around it.
//!
//! Ultralytics' own prediction fills a picture up to the next multiple of the stride only (`LetterBox(auto=True)` in its
//! `data/augment.py`); what it exports to ONNX has its size fixed. Little in such a graph depends on the size: the input,
//! the centre and stride of every cell of the three levels, which are constants one cell after the other, and the
//! shapes that attention and box decoding are brought to.

use std::collections::HashSet;

use camcount_domain::{FrameSize, Picture};
use half::f16;
use onnx_rs::ast::{DataType, Dimension, Graph, OpType, TensorProto, TensorTypeProto, TypeValue, ValueInfo};

/// Sides of the cells of each level, in pixels.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Sides are multiples of this.
pub(crate) const COARSEST: u32 = STRIDES[2];

/// The least size in which footage of `source` pixels is as large as in `whole`, to a pixel; a side is never less than half
/// of what it was, so that few sizes come about.
pub(crate) fn least(whole: &Picture, source: FrameSize) -> FrameSize {
    let (_, _, width, height) = whole.placement(source);
    let side = |fitted: u32, whole: u32| fitted.max(whole / 2).next_multiple_of(COARSEST).min(whole);
    FrameSize { width: side(width, whole.size.width), height: side(height, whole.size.height) }
}

/// The cells of a model, and what is left of them.
struct Cells {
    /// Rows and columns of each level, and what becomes of them.
    levels: [([i64; 2], [i64; 2]); 3],
    /// Of all cells, one level after the other and row by row: their columns, rows and strides.
    all: Vec<[f32; 3]>,
    /// Which of them are left.
    kept: Vec<usize>,
}

impl Cells {
    fn new(from: FrameSize, to: FrameSize) -> Self {
        let grid = |size: FrameSize, stride| [size.height / stride, size.width / stride];
        let mut cells = Self {
            levels: STRIDES
                .map(|stride| (grid(from, stride).map(i64::from), grid(to, stride).map(i64::from))),
            all: Vec::new(),
            kept: Vec::new(),
        };
        for stride in STRIDES {
            let ([rows, columns], [rows_left, columns_left]) = (grid(from, stride), grid(to, stride));
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                if row < rows_left && column < columns_left {
                    cells.kept.push(cells.all.len());
                }
                cells.all.push([column, row, stride].map(|value| value as f32));
            }
        }
        cells
    }

    /// What becomes of a shape that something is brought to. Nothing, where one side is left open: it finds its own way.
    fn shape(&self, shape: &[i64]) -> Option<Vec<i64>> {
        if shape.contains(&-1) {
            return None;
        }
        if let [front @ .., rows, columns] = shape
            && let Some((_, left)) = self.levels.iter().find(|(level, _)| level == &[*rows, *columns])
        {
            return Some([front, left].concat());
        }
        let left = |number: &i64| {
            if *number == self.all.len() as i64 {
                return self.kept.len() as i64;
            }
            let level = self.levels.iter().find(|([rows, columns], _)| rows * columns == *number);
            level.map_or(*number, |(_, [rows, columns])| rows * columns)
        };
        Some(shape.iter().map(left).collect())
    }

    /// What is left of a constant that has something for every cell; adds what that is to `found`. `None` where it is
    /// nothing that is known.
    fn left_of(&self, tensor: &TensorProto<'_>, found: &mut HashSet<Meaning>) -> Option<Edit> {
        let (_, front) = tensor.dims().split_last().filter(|(last, _)| **last == self.all.len() as i64)?;
        let bytes = tensor.as_raw()?;
        let (size, values): (_, Vec<f32>) = match tensor.data_type() {
            DataType::Float => (4, tensor.as_f32()?.into_owned()),
            DataType::Float16 => {
                (2, bytes.as_chunks().0.iter().map(|half| f16::from_le_bytes(*half).to_f32()).collect())
            }
            _ => return None,
        };
        for row in values.chunks_exact(self.all.len()) {
            found.insert(self.meaning(row)?);
        }
        let rows = bytes.chunks_exact(size * self.all.len());
        let left =
            rows.flat_map(|row| self.kept.iter().flat_map(move |cell| &row[size * cell..size * (cell + 1)]));
        Some(([front, &[self.kept.len() as i64]].concat(), left.copied().collect()))
    }

    /// What `values` say of every cell, if they are something that is known.
    fn meaning(&self, values: &[f32]) -> Option<Meaning> {
        let says = |of: fn(&[f32; 3]) -> f32| self.all.iter().map(of).eq(values.iter().copied());
        if says(|[_, _, stride]| *stride) {
            Some(Meaning::Stride)
        } else if says(|[column, ..]| column + 0.5) || says(|[column, _, stride]| (column + 0.5) * stride) {
            Some(Meaning::Column)
        } else if says(|[_, row, _]| row + 0.5) || says(|[_, row, stride]| (row + 0.5) * stride) {
            Some(Meaning::Row)
        } else {
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Meaning {
    Column,
    Row,
    Stride,
}

/// `model` for pictures of `to` pixels instead of `from`, of which it is a part. `None` where it is not understood, or has no
/// grid though it `needs_grid`.
pub(crate) fn cut(model: &[u8], from: FrameSize, to: FrameSize, needs_grid: bool) -> Option<Vec<u8>> {
    let mut model = onnx_rs::parse(model).ok()?;
    let mut graph = model.graph.take()?;
    let cells = Cells::new(from, to);
    let edits = edits(&graph, &cells, needs_grid)?;
    for (tensor, edit) in constants_mut(&mut graph).zip(&edits) {
        if let Some((dims, bytes)) = edit {
            *tensor = TensorProto::from_raw(tensor.name(), dims.clone(), tensor.data_type(), bytes);
        }
    }
    let constant: HashSet<_> = graph.initializer.iter().map(TensorProto::name).collect();
    let (constants, mut pictures): (Vec<_>, Vec<_>) =
        graph.input.iter_mut().partition(|input| constant.contains(input.name));
    let [_, _, height, width] = &mut tensor(pictures.first_mut()?)?.shape.as_mut()?.dim[..] else {
        return None;
    };
    height.value = Dimension::Value(to.height.into());
    width.value = Dimension::Value(to.width.into());
    // Other shapes follow from these.
    for port in constants.into_iter().chain(&mut graph.output) {
        tensor(port)?.shape = None;
    }
    graph.value_info.clear();
    model.graph = Some(graph);
    Some(onnx_rs::encode(&model))
}

/// Dimensions and bytes of a constant.
type Edit = (Vec<i64>, Vec<u8>);

/// What becomes of every constant of the graph; `None` where one is not understood that has something for every cell.
fn edits(graph: &Graph<'_>, cells: &Cells, needs_grid: bool) -> Option<Vec<Option<Edit>>> {
    let reshapes = graph.node.iter().filter(|node| node.op_type == OpType::Reshape);
    let shapes: HashSet<_> = reshapes.filter_map(|node| node.input.get(1)).copied().collect();
    let mut found = HashSet::new();
    let mut edits = Vec::new();
    for (name, tensor) in constants(graph) {
        let by_cell = tensor.dims().contains(&(cells.all.len() as i64));
        edits.push(if by_cell {
            Some(cells.left_of(tensor, &mut found)?)
        } else if shapes.contains(name) {
            tensor.as_i64().and_then(|shape| cells.shape(&shape)).map(|shape| {
                (tensor.dims().to_vec(), shape.iter().flat_map(|number| number.to_le_bytes()).collect())
            })
        } else {
            None
        });
    }
    // Were the cells of other levels or in another order, nothing of it would be found. Where only a part is, the rest must be
    // somewhere else.
    let whole_grid = [Meaning::Column, Meaning::Row, Meaning::Stride].iter().all(|part| found.contains(part));
    (whole_grid || found.is_empty() && !needs_grid).then_some(edits)
}

/// All constants, by the name that nodes know them by.
fn constants<'g, 'a>(graph: &'g Graph<'a>) -> impl Iterator<Item = (&'a str, &'g TensorProto<'a>)> {
    let nodes = graph.node.iter().filter(|node| node.op_type == OpType::Constant);
    let values = nodes.flat_map(|node| {
        let name = node.output.first().copied().unwrap_or_default();
        node.attribute.iter().filter_map(move |attribute| Some((name, attribute.t.as_ref()?)))
    });
    graph.initializer.iter().map(|tensor| (tensor.name(), tensor)).chain(values)
}

/// The same, in the same order.
fn constants_mut<'g, 'a>(graph: &'g mut Graph<'a>) -> impl Iterator<Item = &'g mut TensorProto<'a>> {
    let nodes = graph.node.iter_mut().filter(|node| node.op_type == OpType::Constant);
    let values = nodes.flat_map(|node| &mut node.attribute).filter_map(|attribute| attribute.t.as_mut());
    graph.initializer.iter_mut().chain(values)
}

/// The type of an input or output, where it is a tensor.
fn tensor<'g, 'a>(port: &'g mut ValueInfo<'a>) -> Option<&'g mut TensorTypeProto<'a>> {
    match port.r#type.as_mut()?.value.as_mut()? {
        TypeValue::Tensor(tensor) => Some(tensor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use camcount_domain::{Fit, PixelFormat};
    use onnx_rs::ast::{Node, TensorShape, TensorShapeDimension, TypeProto};

    use super::*;

    const WHOLE: FrameSize = FrameSize { width: 64, height: 64 };
    const LEFT: FrameSize = FrameSize { width: 64, height: 32 };

    #[test]
    fn the_least_size_holds_the_footage() {
        let fit = Fit::Centre { pad: 114 };
        let size = FrameSize { width: 640, height: 640 };
        let whole = Picture { size, fit, pixels: PixelFormat::GbrPlanes };
        let shapes = [
            ((640, 480), (640, 480)),
            ((1920, 1080), (640, 384)),
            ((1080, 1920), (384, 640)),
            ((100, 99), (640, 640)),
            ((9999, 1), (640, 320)),
        ];
        for ((width, height), (least_width, least_height)) in shapes {
            let source = FrameSize { width, height };
            let wanted = FrameSize { width: least_width, height: least_height };
            assert_eq!(least(&whole, source), wanted, "{source:?}");
            let (_, _, fitted_width, fitted_height) = whole.placement(source);
            let cut = Picture { size: wanted, ..whole };
            let (_, _, cut_width, cut_height) = cut.placement(source);
            assert_eq!(
                (cut_width, cut_height),
                (fitted_width, fitted_height),
                "no smaller in it: {source:?}"
            );
        }
    }

    /// A graph for 64x64 pixels that holds `rows` for its 84 cells, and brings something to `shape`.
    fn graph(rows: &[f32], shape: &[i64]) -> Vec<u8> {
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let count = rows.len() as i64 / 84;
        let of_cells = TensorProto::from_raw("cells", vec![count, 84], DataType::Float, &bytes);
        let of_cells = Some(of_cells).filter(|_| count > 0);
        let shape = TensorProto::from_i64("shape", vec![shape.len() as i64], shape.to_vec());
        let dim = |number| TensorShapeDimension { value: Dimension::Value(number), denotation: "" };
        let shape_of = |dims: &[i64]| {
            let shape = TensorShape { dim: dims.iter().copied().map(dim).collect() };
            let elem_type = DataType::Float;
            let tensor = TensorTypeProto { elem_type, shape: Some(shape) };
            Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), denotation: "" })
        };
        let port = |name, dims: &[i64]| ValueInfo { name, r#type: shape_of(dims), ..Default::default() };
        let reshape = Node {
            op_type: OpType::Reshape,
            input: vec!["x", "shape"],
            output: vec!["y"],
            ..Default::default()
        };
        let graph = Graph {
            node: vec![reshape],
            initializer: of_cells.into_iter().chain([shape]).collect(),
            input: vec![port("x", &[1, 3, 64, 64])],
            output: vec![port("y", &[1, 6, 84])],
            ..Default::default()
        };
        onnx_rs::encode(&onnx_rs::Model { graph: Some(graph), ..Default::default() })
    }

    /// Columns, rows and strides of 64x64 pixels' cells.
    fn rows() -> Vec<f32> {
        let cells = Cells::new(WHOLE, WHOLE).all;
        let columns = cells.iter().map(|[column, ..]| column + 0.5);
        let rows = cells.iter().map(|[_, row, _]| row + 0.5);
        columns.chain(rows).chain(cells.iter().map(|[_, _, stride]| *stride)).collect()
    }

    #[test]
    fn what_depends_on_the_size_is_cut() {
        let whole = graph(&rows(), &[1, 6, 84]);
        let cut = cut(&whole, WHOLE, LEFT, true).unwrap();
        let mut graph = onnx_rs::parse(&cut).unwrap().graph.unwrap();
        let shape = tensor(&mut graph.input[0]).unwrap().shape.take().unwrap();
        let dims: Vec<_> = shape.dim.into_iter().map(|dim| dim.value).collect();
        assert_eq!(dims, [1, 3, 32, 64].map(Dimension::Value));
        // Of 8 rows of 8, 4 of 4 and 2 of 2, half are left.
        assert_eq!(*graph.initializer[1].as_i64().unwrap(), [1, 6, 42]);
        let cells = &graph.initializer[0];
        assert_eq!(cells.dims(), [3, 42]);
        let left = Cells::new(LEFT, LEFT).all;
        let values = cells.as_f32().unwrap();
        for (cell, [column, row, stride]) in left.into_iter().enumerate() {
            let of_cell = [values[cell], values[42 + cell], values[84 + cell]];
            assert_eq!(of_cell, [column + 0.5, row + 0.5, stride], "cell {cell}");
        }
    }

    #[test]
    fn shapes_are_cut_where_they_are_of_cells() {
        let cells = Cells::new(FrameSize { width: 640, height: 640 }, FrameSize { width: 640, height: 384 });
        for (shape, left) in [
            (&[1, 4, 16, 8400][..], Some(&[1, 4, 16, 5040][..])),
            (&[1, 128, 20, 20], Some(&[1, 128, 12, 20])),
            (&[1, 2, 128, 400], Some(&[1, 2, 128, 240])),
            (&[1, 2, 128, 32], Some(&[1, 2, 128, 32])),
            (&[1, 64, -1], None),
        ] {
            assert_eq!(cells.shape(shape).as_deref(), left, "{shape:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let shape = [1, 6, 84];
        let left = |rows: &[f32]| cut(&graph(rows, &shape), WHOLE, LEFT, false);
        let mut odd = rows();
        odd[100] += 1.0;
        assert_eq!(left(&odd), None, "an anchor that is elsewhere");
        let turned: Vec<f32> = rows().into_iter().rev().collect();
        assert_eq!(left(&turned), None, "cells in another order");
        assert_eq!(left(&rows()[..2 * 84]), None, "strides that are somewhere else");
        assert!(left(&[]).is_some(), "nothing for cells");
        assert_eq!(
            cut(&graph(&[], &shape), WHOLE, LEFT, true),
            None,
            "nothing for cells, where there must be"
        );
        assert_eq!(cut(b"no model", WHOLE, LEFT, false), None);
    }
}
