//! One loaded copy of a model: pictures into its input tensor, its output tensors out again.

use std::{borrow::Cow, path::Path};

use half::f16;
use ort::{
    session::{Session, SessionOutputs},
    value::{TensorElementType, TensorRef},
};

use crate::{DetectError, Device, error::Cause, graph::Element, library::Loaded};

/// The shape of a model's picture input, `(batch, 3, height, width)`; every dimension fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputShape {
    pub(crate) batch: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) element: Element,
}

impl InputShape {
    /// Pixels of one picture.
    fn plane(self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// One output tensor of one run, as 32-bit floats.
pub(crate) struct Output<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Cow<'a, [f32]>,
}

impl Output<'_> {
    /// The part that belongs to the picture in `slot` of the batch; empty where there is none.
    pub(crate) fn slot(&self, slot: usize) -> &[f32] {
        let batch = self.shape.first().copied().unwrap_or(1).max(1);
        let len = self.values.len() / batch;
        self.values.get(slot * len..(slot + 1) * len).unwrap_or(&[])
    }

    /// Whether every value of that part is a number and finite.
    pub(crate) fn is_finite(&self, slot: usize) -> bool {
        // Not `all`: without the early way out it runs eight values at a time.
        !self.slot(slot).iter().fold(false, |odd, value| odd | !value.is_finite())
    }
}

/// What each byte of a picture becomes in the input tensor, by channel in the picture's order.
pub(crate) type Levels = [[f32; 256]; 3];

/// Opens `model` on `device`. What would make results depend on timing or on the number of sessions is off:
/// one thread on the processor, operators one after the other.
pub(crate) fn open_session(
    loaded: &Loaded,
    device: Device,
    path: &Path,
    model: &[u8],
) -> Result<Session, DetectError> {
    let builder = || -> Result<_, ort::Error> {
        Ok(Session::builder(&loaded.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_deterministic_compute(true)?)
    };
    let not_a_model = |e| DetectError::NotAModel { path: path.to_owned(), source: Box::new(e) };
    let mut builder = builder().map_err(not_a_model)?;
    if let Some(provider) = device.provider() {
        builder = builder.with_execution_providers([provider]).map_err(|e| DetectError::DeviceUnusable {
            device: device.to_string(),
            source: Box::new(ort::Error::<()>::from(e)),
        })?;
    }
    builder.commit_from_memory(model).map_err(not_a_model)
}

/// A session with its input tensor, which is filled anew for every run.
pub(crate) struct Network {
    session: Session,
    shape: InputShape,
    buffer: Buffer,
}

enum Buffer {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl Network {
    pub(crate) fn new(session: Session, shape: InputShape) -> Self {
        let len = shape.batch * 3 * shape.plane();
        let buffer = match shape.element {
            Element::F16 => Buffer::F16(vec![f16::ZERO; len]),
            _ => Buffer::F32(vec![0.0; len]),
        };
        Self { session, shape, buffer }
    }

    /// Puts a picture of three interleaved bytes a pixel into `slot`, which lies within the batch.
    pub(crate) fn fill(&mut self, slot: usize, picture: &[u8], levels: &Levels) {
        let plane = self.shape.plane();
        let range = slot * 3 * plane..(slot + 1) * 3 * plane;
        match &mut self.buffer {
            Buffer::F32(values) => planes(&mut values[range], picture, levels),
            Buffer::F16(values) => {
                let levels = levels.map(|channel| channel.map(f16::from_f32));
                planes(&mut values[range], picture, &levels);
            }
        }
    }

    /// Empties `slot`, so that nothing of an earlier picture is left in a batch that is not full.
    pub(crate) fn clear(&mut self, slot: usize) {
        let plane = self.shape.plane();
        let range = slot * 3 * plane..(slot + 1) * 3 * plane;
        match &mut self.buffer {
            Buffer::F32(values) => values[range].fill(0.0),
            Buffer::F16(values) => values[range].fill(f16::ZERO),
        }
    }

    /// Runs the model on the whole batch and hands its outputs to `read`.
    pub(crate) fn run<R>(&mut self, read: impl FnOnce(&[Output<'_>]) -> R) -> Result<R, Cause> {
        let shape = [self.shape.batch, 3, self.shape.height as usize, self.shape.width as usize];
        let answer = match &self.buffer {
            Buffer::F32(values) => {
                let input = TensorRef::from_array_view((shape, values.as_slice()))?;
                self.session.run(ort::inputs![input])?
            }
            Buffer::F16(values) => {
                let input = TensorRef::from_array_view((shape, values.as_slice()))?;
                self.session.run(ort::inputs![input])?
            }
        };
        Ok(read(&outputs(&answer)?))
    }
}

/// From interleaved bytes to one plane after another.
fn planes<T: Copy>(tensor: &mut [T], picture: &[u8], levels: &[[T; 256]; 3]) {
    let plane = tensor.len() / 3;
    let (first, rest) = tensor.split_at_mut(plane);
    let (second, third) = rest.split_at_mut(plane);
    let pixels = picture.as_chunks::<3>().0;
    for (((pixel, a), b), c) in pixels.iter().zip(first).zip(second).zip(third) {
        *a = levels[0][usize::from(pixel[0])];
        *b = levels[1][usize::from(pixel[1])];
        *c = levels[2][usize::from(pixel[2])];
    }
}

/// The outputs that hold floats; others cannot be part of any known layout.
fn outputs<'a>(answer: &'a SessionOutputs<'_>) -> Result<Vec<Output<'a>>, Cause> {
    let mut outputs = Vec::new();
    for name in answer.keys() {
        let Some(value) = answer.get(name) else { continue };
        let values = match value.dtype().tensor_type() {
            Some(TensorElementType::Float32) => Cow::Borrowed(value.try_extract_tensor::<f32>()?.1),
            Some(TensorElementType::Float16) => {
                value.try_extract_tensor::<f16>()?.1.iter().map(|v| v.to_f32()).collect()
            }
            _ => continue,
        };
        let shape = value.shape().iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        outputs.push(Output { name, shape, values });
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_planes() {
        let mut levels = [[0.0; 256]; 3];
        for (channel, level) in levels.iter_mut().enumerate() {
            for (byte, value) in level.iter_mut().enumerate() {
                *value = (channel * 1000 + byte) as f32;
            }
        }
        let mut tensor = [0.0; 6];
        planes(&mut tensor, &[1, 2, 3, 4, 5, 6], &levels);
        assert_eq!(tensor, [1.0, 4.0, 1002.0, 1005.0, 2003.0, 2006.0]);
    }

    #[test]
    fn slots_part_an_output_and_odd_values_stay_in_theirs() {
        let values = vec![1.0, 2.0, f32::NAN, 4.0];
        let output = Output { name: "o", shape: vec![2, 2], values: values.into() };
        assert_eq!(output.slot(0), [1.0, 2.0]);
        assert!(output.is_finite(0) && !output.is_finite(1));
        assert!(output.slot(2).is_empty());
    }
}
