//! What a model says about itself: its inputs, outputs and class names.

use std::fmt;

use ort::{
    session::Session,
    value::{Outlet, TensorElementType, ValueType},
};

use crate::classes;

/// The kind of numbers in a tensor, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    U8,
    I64,
    Other,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) element: Element,
    /// As ONNX Runtime calls the type.
    pub(crate) kind: String,
    /// Dimensions; -1 where the model leaves them open.
    pub(crate) shape: Vec<i64>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<_> =
            self.shape.iter().map(|d| if *d < 0 { "?".to_owned() } else { d.to_string() }).collect();
        write!(f, "{} {} ({})", self.name, self.kind, dims.join(","))
    }
}

impl From<&Outlet> for Port {
    fn from(outlet: &Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let element = match ty {
                    TensorElementType::Float32 => Element::F32,
                    TensorElementType::Float16 => Element::F16,
                    TensorElementType::Uint8 => Element::U8,
                    TensorElementType::Int64 => Element::I64,
                    _ => Element::Other,
                };
                Self { name, element, kind: ty.to_string(), shape: shape.to_vec() }
            }
            other => Self { name, element: Element::Other, kind: other.to_string(), shape: Vec::new() },
        }
    }
}

/// A model as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// The class names: those that were given, or those in its metadata, where Ultralytics' exporters put them.
    pub(crate) names: Option<Vec<String>>,
    /// What it says it is for (`detect`, `segment`, `pose`, …), where it says so.
    pub(crate) task: Option<String>,
    /// The height and width that it was exported for, where its metadata says so.
    pub(crate) image_size: Option<(u32, u32)>,
}

impl Graph {
    pub(crate) fn of(session: &Session) -> Self {
        let metadata = session.metadata().ok();
        let entry = |key| metadata.as_ref().and_then(|m| m.custom(key));
        Self {
            inputs: session.inputs().iter().map(Port::from).collect(),
            outputs: session.outputs().iter().map(Port::from).collect(),
            names: entry("names").and_then(|text| classes::parse_names(&text)),
            task: entry("task"),
            image_size: entry("imgsz").and_then(|text| parse_size(&text)),
        }
    }

    /// All inputs and outputs, for a message.
    pub(crate) fn shapes(&self) -> String {
        let ports = |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        format!("in {}; out {}", ports(&self.inputs), ports(&self.outputs))
    }
}

/// Reads `[480, 640]`, or `640` for a square.
fn parse_size(text: &str) -> Option<(u32, u32)> {
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).map(str::parse::<u32>);
    let height = numbers.next()?.ok()?;
    let width = numbers.next().map_or(Some(height), Result::ok)?;
    Some((height, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_exporters_write_them() {
        assert_eq!(parse_size("[480, 640]"), Some((480, 640)));
        assert_eq!(parse_size("320"), Some((320, 320)));
        assert_eq!(parse_size("?"), None);
    }
}
