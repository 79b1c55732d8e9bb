//! Models of a fixed size, cut to the shape of the footage, so that no time goes into the bars around it.
//!
//! Ultralytics' own prediction fills a picture up to the next multiple of the stride only (`LetterBox(auto=True)` in its
//! `data/augment.py`); what it exports to ONNX has its size fixed. Little in such a graph depends on the size: the input,
//! the centre and stride of every cell of the three levels, which are constants one cell after the other, and the
//! shapes that attention and box decoding are brought to.

use std::collections::HashSet;

use camcount_domain::{FrameSize, Picture};
use half::f16;
use onnx_rs::ast::{
    DataType, Dimension, Graph, OpType, TensorProto, TensorShapeDimension, TypeValue, ValueInfo,
};

/// Sides of the cells of each level, in pixels.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Sides are multiples of this.
pub(crate) const COARSEST: u32 = STRIDES[2];

/// The least size that footage of `source` pixels fits into as it fits into `whole`; a side is never less than half of
/// what it was, so that few sizes come about.
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

/// `model` for pictures of `to` pixels instead of `from`, of which it is a part. `None` where it is not understood.
pub(crate) fn cut(model: &[u8], from: FrameSize, to: FrameSize) -> Option<Vec<u8>> {
    let mut model = onnx_rs::parse(model).ok()?;
    let mut graph = model.graph.take()?;
    let cells = Cells::new(from, to);
    let edits = edits(&graph, &cells)?;
    for (tensor, edit) in constants_mut(&mut graph).zip(&edits) {
        if let Some((dims, bytes)) = edit {
            *tensor = TensorProto::from_raw(tensor.name(), dims.clone(), tensor.data_type(), bytes);
        }
    }
    let constant: HashSet<_> = graph.initializer.iter().map(TensorProto::name).collect();
    let input = graph.input.iter_mut().find(|input| !constant.contains(input.name))?;
    let [_, _, height, width] = dims(input)? else { return None };
    height.value = Dimension::Value(to.height.into());
    width.value = Dimension::Value(to.width.into());
    for dim in graph.output.iter_mut().filter_map(dims).flatten() {
        if dim.value == Dimension::Value(cells.all.len() as i64) {
            dim.value = Dimension::Value(cells.kept.len() as i64);
        }
    }
    // Of everything in between, whose shapes can be told from these.
    graph.value_info.clear();
    model.graph = Some(graph);
    Some(onnx_rs::encode(&model))
}

/// Dimensions and bytes of a constant.
type Edit = (Vec<i64>, Vec<u8>);

/// What becomes of every constant of the graph; `None` where one is not understood that has something for every cell.
fn edits(graph: &Graph<'_>, cells: &Cells) -> Option<Vec<Option<Edit>>> {
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
    // Were the cells of other levels or in another order, neither would be found. A graph that holds nothing for cells is
    // the same at any size.
    let in_order = found.contains(&Meaning::Column) && found.contains(&Meaning::Row);
    (found.is_empty() || in_order).then_some(edits)
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

/// The dimensions of an input or output, where it has some.
fn dims<'g, 'a>(port: &'g mut ValueInfo<'a>) -> Option<&'g mut [TensorShapeDimension<'a>]> {
    match port.r#type.as_mut()?.value.as_mut()? {
        TypeValue::Tensor(tensor) => Some(&mut tensor.shape.as_mut()?.dim),
        _ => None,
    }
}
