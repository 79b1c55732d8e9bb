//! Tiny ONNX models, written byte by byte (protobuf, `onnx.proto` of ONNX 1.12), for what real models do not
//! do on command. All take `(batch, 3, 64, 64)` and answer in the layout of YOLOv8 with two classes, with one
//! sure box of class 1 at (27, 16)..(37, 24); `peak` below is the brightest value of each picture, 0..=1.

/// What is added to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    /// Nothing.
    Plain,
    /// The square root of minus the peak: no number unless the picture is black.
    Root,
    /// An entry of a table of one, by the peak: fails unless the picture is darker than white.
    Table,
    /// An entry beyond the end of that table: fails on every picture.
    Never,
    /// The peak of the whole batch: pictures see their neighbours.
    Mixing,
}

/// A model for batches of `batch`, or of any size.
pub(crate) fn model(twist: Twist, batch: Option<i64>, names: &str) -> Vec<u8> {
    let axes = attribute_ints("axes", &[1, 2, 3]);
    let mut nodes =
        vec![node("ReduceMax", &["x"], "peak4", &[axes]), node("Reshape", &["peak4", "column"], "peak", &[])];
    nodes.extend(match twist {
        Twist::Plain => vec![node("Mul", &["peak", "zero"], "twist", &[])],
        Twist::Root => vec![node("Neg", &["peak"], "minus", &[]), node("Sqrt", &["minus"], "twist", &[])],
        Twist::Table => {
            let to_int64 = attribute_int("to", 7);
            vec![
                node("Cast", &["peak"], "index", &[to_int64]),
                node("Gather", &["table", "index"], "twist", &[]),
            ]
        }
        Twist::Never => {
            let to_int64 = attribute_int("to", 7);
            vec![
                node("Add", &["peak", "one"], "beyond", &[]),
                node("Cast", &["beyond"], "index", &[to_int64]),
                node("Gather", &["table", "index"], "twist", &[]),
            ]
        }
        Twist::Mixing => vec![
            node("ReduceMax", &["x"], "most", &[attribute_int("keepdims", 0)]),
            node("Add", &["peak", "most"], "twist", &[]),
        ],
    });
    nodes.push(node("Add", &["box", "twist"], "output0", &[]));

    let mut answer = vec![0.0_f32; 6 * 84];
    for (row, value) in [32.0, 20.0, 10.0, 8.0, 0.0, 0.9].into_iter().enumerate() {
        answer[row * 84 + 17] = value;
    }
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    graph.extend(field(2, b"tiny"));
    graph.extend(field(5, &floats("box", &[1, 6, 84], &answer)));
    graph.extend(field(5, &floats("zero", &[1], &[0.0])));
    graph.extend(field(5, &floats("one", &[1], &[1.0])));
    graph.extend(field(5, &floats("table", &[1], &[0.0])));
    let column: Vec<u8> = [-1_i64, 1, 1].iter().flat_map(|v| v.to_le_bytes()).collect();
    graph.extend(field(5, &tensor("column", &[3], 7, &column)));
    graph.extend(field(11, &port("x", &[batch, Some(3), Some(64), Some(64)])));
    graph.extend(field(12, &port("output0", &[batch, Some(6), Some(84)])));

    let mut model = number(1, 8);
    model.extend(field(8, &number(2, 17)));
    model.extend(field(7, &graph));
    model.extend(field(14, &[field(1, b"names"), field(2, names.as_bytes())].concat()));
    model
}

fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    bytes.extend(field(2, output.as_bytes()));
    bytes.extend(field(4, kind.as_bytes()));
    bytes.extend(attributes.iter().flat_map(|attribute| field(5, attribute)));
    bytes
}

fn attribute_int(name: &str, value: i64) -> Vec<u8> {
    [field(1, name.as_bytes()), number(3, value), number(20, 2)].concat()
}

fn attribute_ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| number(8, *value)).collect();
    [field(1, name.as_bytes()), values, number(20, 7)].concat()
}

fn floats(name: &str, shape: &[i64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, shape, 1, &raw)
}

fn tensor(name: &str, shape: &[i64], kind: i64, raw: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = shape.iter().flat_map(|dim| number(1, *dim)).collect();
    bytes.extend(number(2, kind));
    bytes.extend(field(8, name.as_bytes()));
    bytes.extend(field(9, raw));
    bytes
}

fn port(name: &str, shape: &[Option<i64>]) -> Vec<u8> {
    let dim = |size: &Option<i64>| size.map_or_else(|| field(2, b"n"), |size| number(1, size));
    let shape: Vec<u8> = shape.iter().flat_map(|size| field(1, &dim(size))).collect();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

fn number(tag: u64, value: i64) -> Vec<u8> {
    [varint(tag << 3), varint(value as u64)].concat()
}

fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
