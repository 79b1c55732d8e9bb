//! One loaded copy of a model: pictures into its input tensor, its output tensors out again.

use std::{borrow::Cow, fmt::Debug, ops::Range, path::Path};

use half::f16;
use ort::{
    session::{Session, SessionInputValue, SessionOutputs},
    value::{PrimitiveTensorElementType, TensorElementType, TensorRef},
};

use crate::{DetectError, Device, error::Cause, graph::Element, library::Loaded};

/// How a picture lies in the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// One plane a channel: `(batch, 3, height, width)`.
    Planes,
    /// Pixel by pixel: `(batch, height, width, 3)`.
    Pixels,
}

/// The shape of a model's picture input; every dimension fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputShape {
    pub(crate) batch: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) element: Element,
    pub(crate) order: Order,
    /// Whether a second input takes the size, `(batch, 2)`, to which the model scales its boxes. It is given
    /// the picture's own: width, height.
    pub(crate) takes_size: bool,
}

impl InputShape {
    /// Pixels of one picture.
    fn plane(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The usual kind: planes of 32-bit floats.
    #[cfg(test)]
    pub(crate) const fn planes(batch: usize, width: u32, height: u32) -> Self {
        let (element, order) = (Element::F32, Order::Planes);
        Self { batch, width, height, element, order, takes_size: false }
    }
}

/// One output tensor of one run, as 32-bit floats.
pub(crate) struct Output<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    /// Pictures that it answers for. It need not show in the shape: exporters squeeze a batch of 1 away.
    pub(crate) batch: usize,
    pub(crate) values: Cow<'a, [f32]>,
}

impl Output<'_> {
    /// The part that belongs to the picture in `slot` of the batch; empty where there is none.
    pub(crate) fn slot(&self, slot: usize) -> &[f32] {
        let len = self.len();
        self.values.get(slot * len..(slot + 1) * len).unwrap_or(&[])
    }

    /// Values for each picture.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.batch.max(1)
    }

    /// Whether every value of that part is a number and finite.
    pub(crate) fn is_finite(&self, slot: usize) -> bool {
        // The exponent of what is none is all ones. Not `all`: without the early way out, and in whole numbers of the
        // same width, it runs many values at a time.
        const EXPONENT: u32 = 0x7f80_0000;
        let odd = |value: &f32| u32::from(value.to_bits() & EXPONENT == EXPONENT);
        self.slot(slot).iter().fold(0, |any, value| any | odd(value)) == 0
    }
}

/// What each byte of a picture becomes in the input tensor, by channel of the tensor's: less `mean`, then divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    pub(crate) mean: [f32; 3],
    pub(crate) divisor: [f32; 3],
}

impl Levels {
    /// Of all bytes of a channel.
    pub(crate) fn table(&self, channel: usize) -> [f32; 256] {
        std::array::from_fn(|byte| (byte as f32 - self.mean[channel]) / self.divisor[channel])
    }

    /// Puts a channel into its plane: the same values as the table has, but computed, many at a time.
    fn apply(&self, channel: usize, bytes: &[u8], plane: &mut [f32]) {
        let (mean, divisor) = (self.mean[channel], self.divisor[channel]);
        let places = plane.iter_mut().zip(bytes);
        match (mean, divisor) {
            (0.0, 1.0) => places.for_each(|(place, byte)| *place = f32::from(*byte)),
            _ => places.for_each(|(place, byte)| *place = (f32::from(*byte) - mean) / divisor),
        }
    }
}

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
    /// By slot, which rows of it are a picture's; what is around them is there already.
    rows: Vec<Option<Range<usize>>>,
    /// Width and height for every picture of the batch.
    sizes: Vec<i64>,
}

/// The values of an input tensor.
#[derive(Clone)]
pub(crate) enum Buffer {
    F32(Vec<f32>),
    F16(Vec<f16>),
    /// The bytes as they are: such models scale them themselves.
    U8(Vec<u8>),
}

/// Every byte as it is.
const AS_IT_IS: [u8; 256] = {
    let mut levels = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        levels[byte] = byte as u8;
        byte += 1;
    }
    levels
};

impl Network {
    pub(crate) fn new(session: Session, shape: InputShape) -> Self {
        let len = shape.batch * 3 * shape.plane();
        let buffer = match shape.element {
            Element::F16 => Buffer::F16(vec![f16::ZERO; len]),
            Element::U8 => Buffer::U8(vec![0; len]),
            _ => Buffer::F32(vec![0.0; len]),
        };
        let size = [i64::from(shape.width), i64::from(shape.height)];
        let rows = vec![None; shape.batch];
        Self { session, shape, buffer, rows, sizes: size.repeat(shape.batch) }
    }

    /// Puts a picture of three planes into `slot`, which lies within the batch; `planes` tells which plane becomes
    /// which channel. What is beside its `rows` is the same in all pictures with these.
    pub(crate) fn fill(
        &mut self,
        slot: usize,
        picture: &[u8],
        rows: Range<usize>,
        planes: [usize; 3],
        levels: &Levels,
    ) {
        let width = self.shape.width as usize;
        let before = self.rows[slot].replace(rows.clone());
        let fresh = if before.as_ref() == Some(&rows) { rows } else { 0..self.shape.height as usize };
        let pixels = fresh.start * width..fresh.end * width;
        let InputShape { order, .. } = self.shape;
        let range = self.range(slot);
        let plane = self.shape.plane();
        let from = planes.map(|number| &picture[number * plane..(number + 1) * plane]);
        let tables = || [0, 1, 2].map(|channel| levels.table(channel));
        match &mut self.buffer {
            Buffer::F32(values) if order == Order::Planes => {
                let planes = values[range].chunks_exact_mut(plane.max(1));
                for (channel, (bytes, plane)) in from.into_iter().zip(planes).enumerate() {
                    levels.apply(channel, &bytes[pixels.clone()], &mut plane[pixels.clone()]);
                }
            }
            Buffer::F32(values) => lay_out(&mut values[range], from, &tables(), order),
            Buffer::F16(values) => {
                let levels = tables().map(|channel| channel.map(f16::from_f32));
                lay_out(&mut values[range], from, &levels, order);
            }
            Buffer::U8(values) => lay_out(&mut values[range], from, &[AS_IT_IS; 3], order),
        }
    }

    /// What the next run will look at, which may be put aside and replaced.
    pub(crate) fn buffer(&mut self) -> &mut Buffer {
        self.rows.fill(None);
        &mut self.buffer
    }

    /// Empties `slot`, so that nothing of an earlier picture is left in a batch that is not full.
    pub(crate) fn clear(&mut self, slot: usize) {
        let range = self.range(slot);
        self.rows[slot] = None;
        match &mut self.buffer {
            Buffer::F32(values) => values[range].fill(0.0),
            Buffer::F16(values) => values[range].fill(f16::ZERO),
            Buffer::U8(values) => values[range].fill(0),
        }
    }

    /// Where the picture in `slot` lies in the input tensor.
    fn range(&self, slot: usize) -> Range<usize> {
        let len = 3 * self.shape.plane();
        slot * len..(slot + 1) * len
    }

    /// Runs the model on the whole batch and hands its outputs to `read`.
    pub(crate) fn run<R>(&mut self, read: impl FnOnce(&[Output<'_>]) -> R) -> Result<R, Cause> {
        let InputShape { batch, width, height, order, takes_size, .. } = self.shape;
        let (width, height) = (width as usize, height as usize);
        let shape = match order {
            Order::Planes => [batch, 3, height, width],
            Order::Pixels => [batch, height, width, 3],
        };
        let mut inputs = vec![match &self.buffer {
            Buffer::F32(values) => tensor(shape, values)?,
            Buffer::F16(values) => tensor(shape, values)?,
            Buffer::U8(values) => tensor(shape, values)?,
        }];
        if takes_size {
            inputs.push(tensor([batch, 2], &self.sizes)?);
        }
        let answer = self.session.run(inputs.as_slice())?;
        Ok(read(&outputs(&answer, batch)?))
    }
}

/// `values` as an input of `shape`.
fn tensor<'v, T: PrimitiveTensorElementType + Copy + Debug + 'static, const N: usize>(
    shape: [usize; N],
    values: &'v [T],
) -> Result<SessionInputValue<'v>, Cause> {
    Ok(TensorRef::from_array_view((shape, values))?.into())
}

/// Puts the channels of a picture into its part of the input tensor.
fn lay_out<T: Copy>(tensor: &mut [T], channels: [&[u8]; 3], levels: &[[T; 256]; 3], order: Order) {
    match order {
        Order::Planes => {
            let planes = tensor.chunks_exact_mut(channels[0].len().max(1));
            for ((plane, channel), levels) in planes.zip(channels).zip(levels) {
                for (place, byte) in plane.iter_mut().zip(channel) {
                    *place = levels[usize::from(*byte)];
                }
            }
        }
        Order::Pixels => {
            let [first, second, third] = channels;
            let bytes = first.iter().zip(second).zip(third);
            for (pixel, ((a, b), c)) in tensor.as_chunks_mut::<3>().0.iter_mut().zip(bytes) {
                *pixel = [levels[0][usize::from(*a)], levels[1][usize::from(*b)], levels[2][usize::from(*c)]];
            }
        }
    }
}

/// The outputs that hold floats or whole numbers; others cannot be part of any known layout.
fn outputs<'a>(answer: &'a SessionOutputs<'_>, batch: usize) -> Result<Vec<Output<'a>>, Cause> {
    let mut outputs = Vec::new();
    for name in answer.keys() {
        let Some(value) = answer.get(name) else { continue };
        let values = match value.dtype().tensor_type() {
            Some(TensorElementType::Float32) => Cow::Borrowed(value.try_extract_tensor::<f32>()?.1),
            Some(TensorElementType::Float16) => {
                value.try_extract_tensor::<f16>()?.1.iter().map(|v| v.to_f32()).collect()
            }
            // Class numbers, which a float holds exactly.
            Some(TensorElementType::Int64) => {
                value.try_extract_tensor::<i64>()?.1.iter().map(|v| *v as f32).collect()
            }
            Some(TensorElementType::Int32) => {
                value.try_extract_tensor::<i32>()?.1.iter().map(|v| *v as f32).collect()
            }
            _ => continue,
        };
        let shape = value.shape().iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        outputs.push(Output { name, shape, batch, values });
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_planes_or_pixels() {
        let mut levels = [[0.0; 256]; 3];
        for (channel, level) in levels.iter_mut().enumerate() {
            for (byte, value) in level.iter_mut().enumerate() {
                *value = (channel * 1000 + byte) as f32;
            }
        }
        let mut tensor = [0.0; 6];
        let channels = [&[1, 4][..], &[2, 5], &[3, 6]];
        lay_out(&mut tensor, channels, &levels, Order::Planes);
        assert_eq!(tensor, [1.0, 4.0, 1002.0, 1005.0, 2003.0, 2006.0]);
        lay_out(&mut tensor, channels, &levels, Order::Pixels);
        assert_eq!(tensor, [1.0, 1002.0, 2003.0, 4.0, 1005.0, 2006.0]);
        let mut bytes = [0; 6];
        lay_out(&mut bytes, [&[1, 4], &[2, 5], &[3, 255]], &[AS_IT_IS; 3], Order::Pixels);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 255]);
    }

    #[test]
    fn computed_levels_are_those_of_the_table() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (mean, divisor) in [(0.0, 1.0), (0.0, 255.0), (103.53, 57.375), (127.5, 127.5)] {
            let levels = Levels { mean: [mean; 3], divisor: [divisor; 3] };
            let mut plane = [0.0; 256];
            levels.apply(1, &bytes, &mut plane);
            assert_eq!(plane.map(f32::to_bits), levels.table(1).map(f32::to_bits), "{mean}, {divisor}");
        }
    }

    #[test]
    fn slots_part_an_output_and_odd_values_stay_in_theirs() {
        let values = vec![1.0, 2.0, f32::NAN, 4.0];
        let output = Output { name: "o", shape: vec![2, 2], batch: 2, values: values.into() };
        assert_eq!(output.slot(0), [1.0, 2.0]);
        assert!(output.is_finite(0) && !output.is_finite(1));
        assert!(output.slot(2).is_empty());
    }
}
