//! What a model wants to be given: settles every dimension of its inputs.

use std::num::NonZeroUsize;

use crate::{
    DetectError, OnnxOptions,
    graph::{Element, Graph},
    network::{InputShape, Order},
};

/// The side of pictures for a model that leaves its size open: what the YOLO family is trained at.
const OPEN_SIDE: u32 = 640;

/// Settles the model's inputs: first pictures of three channels, in planes or pixel by pixel, and then at
/// most the size that boxes are scaled to.
pub(crate) fn input_shape(graph: &Graph, options: &OnnxOptions) -> Result<InputShape, DetectError> {
    let path = &options.model;
    let unknown = |reasons: &str| DetectError::UnknownLayout {
        path: path.clone(),
        shapes: graph.shapes(),
        reasons: reasons.to_owned(),
    };
    let (input, takes_size) = match &graph.inputs[..] {
        [input] => (input, false),
        [input, size] if size.element == Element::I64 && matches!(size.shape[..], [_, 2 | -1]) => {
            (input, true)
        }
        _ => return Err(unknown("Beside pictures, only their size (int64, two a picture) can be given")),
    };
    let element = input.element;
    if !matches!(element, Element::F32 | Element::F16 | Element::U8) {
        return Err(unknown("Only inputs of float32, float16 or uint8 can be used"));
    }
    let (batch, height, width, order) = match input.shape[..] {
        [batch, 3, height, width] => (batch, height, width, Order::Planes),
        [batch, height, width, 3] => (batch, height, width, Order::Pixels),
        [batch, -1, height, width] => (batch, height, width, Order::Planes),
        _ => {
            return Err(unknown(
                "Only inputs of (batch, 3, height, width) or (batch, height, width, 3) can be used",
            ));
        }
    };
    let exported = graph.image_size.unwrap_or((OPEN_SIDE, OPEN_SIDE));
    let side = |fixed: i64, open: u32| if fixed > 0 { u32::try_from(fixed).unwrap_or(0) } else { open };
    let (height, width) = (side(height, exported.0), side(width, exported.1));
    // Beyond any camera's picture, and what a damaged file may say.
    if !(1..=8192).contains(&height) || !(1..=8192).contains(&width) {
        return Err(unknown("Only pictures of 1 to 8192 pixels a side can be used"));
    }
    let wanted = options.batch.map(NonZeroUsize::get);
    let batch = match (usize::try_from(batch), wanted) {
        (Ok(fixed @ 1..), Some(batch)) if fixed != batch => {
            let why = format!(
                "it was exported for batches of {fixed}; export it with a dynamic batch, or leave the batch out"
            );
            return Err(DetectError::BatchRefused { path: path.clone(), batch, why });
        }
        (Ok(fixed @ 1..), _) => fixed,
        (_, wanted) => wanted.unwrap_or(1),
    };
    Ok(InputShape { batch, width, height, element, order, takes_size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Port;

    fn port(kind: &str, element: Element, shape: &[i64]) -> Port {
        Port { name: "x".to_owned(), element, kind: kind.to_owned(), shape: shape.to_vec() }
    }

    fn settled(inputs: Vec<Port>, batch: usize) -> Result<InputShape, String> {
        let graph =
            Graph { inputs, outputs: Vec::new(), names: None, task: None, image_size: Some((320, 416)) };
        let options = OnnxOptions { batch: NonZeroUsize::new(batch), ..OnnxOptions::new("x.onnx") };
        input_shape(&graph, &options).map_err(|error| error.to_string())
    }

    #[test]
    fn inputs_are_settled_as_exporters_leave_them() {
        let bytes = settled(vec![port("u8", Element::U8, &[1, 300, 400, 3])], 0).unwrap();
        assert_eq!((bytes.width, bytes.height, bytes.batch), (400, 300, 1));
        assert_eq!((bytes.element, bytes.order), (Element::U8, Order::Pixels));
        let open = settled(vec![port("f32", Element::F32, &[-1, 3, -1, -1])], 4).unwrap();
        assert_eq!((open.width, open.height, open.batch), (416, 320, 4));
        assert_eq!((open.order, open.takes_size), (Order::Planes, false));
        let picture = port("f16", Element::F16, &[-1, 3, 320, 320]);
        let sized = settled(vec![picture.clone(), port("i64", Element::I64, &[-1, 2])], 2).unwrap();
        assert!(sized.takes_size && sized.element == Element::F16);
        let refused = settled(vec![picture.clone(), port("f32", Element::F32, &[-1, 2])], 0).unwrap_err();
        assert!(refused.contains("only their size") && refused.contains("x f32 (?,2)"), "{refused}");
        for (element, shape) in [(Element::F32, [1, 1, 64, 64]), (Element::I64, [1, 3, 64, 64])] {
            assert!(settled(vec![port("?", element, &shape)], 0).is_err());
        }
        assert!(settled(vec![port("f32", Element::F32, &[1, 3, 99_999, 64])], 0).is_err());
        assert!(settled(vec![port("f32", Element::F32, &[2, 3, 64, 64])], 4).is_err());
    }
}
