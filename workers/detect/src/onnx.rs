//! The detector that runs an ONNX model: opening it, with everything that can be wrong said at once, and
//! handing its frames to the service.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
};

use camcount_domain::{Confidence, Detector, Frame, FrameSize, Picture, Rate};
use sha2::{Digest, Sha256};

use crate::{
    Backdrop, BackdropWanted, Detect, DetectError, Device, DeviceKind, Ticket,
    classes::{self, Family},
    graph::{Element, Graph},
    layouts::{self, Layout},
    library,
    network::{InputShape, Network, open_session},
    service::{Reading, Service},
    suppress::{ACROSS_FAMILIES, MOST},
};

/// Goes up whenever the same model gives other detections for the same frame, by a change in this crate.
const REVISION: u32 = 1;

/// The side of pictures for a model that leaves its size open: what the YOLO family is trained at.
const OPEN_SIDE: u32 = 640;

/// How a model is to be run.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// The model's file.
    pub model: PathBuf,
    /// Where it runs.
    pub device: Device,
    /// ONNX Runtime itself; see [`installation`](crate::installation) for where it is looked for otherwise.
    pub library: Option<PathBuf>,
    /// Copies of the model that run side by side, each on one thread. By default one a core on the
    /// processor, one on other devices. Detections do not depend on it.
    pub sessions: Option<NonZeroUsize>,
    /// Pictures looked at in one go. By default what the model was exported with, or 1. More is for devices
    /// that are idle otherwise, and refused for models whose answers depend on their neighbours in the batch.
    pub batch: Option<NonZeroUsize>,
    /// What is less sure than this is dropped, 0..=1. Low by default: tracking makes use of weak detections.
    pub score_floor: f32,
    /// Two boxes of one kind that share more than this of their union are one object, 0..=1.
    pub overlap: f32,
    /// Class names, for a model that does not give its own.
    pub classes: Option<Vec<String>>,
}

impl OnnxOptions {
    /// The defaults for a model.
    ///
    /// The overlap of 0.55: on people who pass in front of each other (PETS09-S2L1, YOLOX-nano) it finds as
    /// many as 0.7, with a quarter fewer false boxes; less than 0.45 begins to lose some.
    #[must_use]
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            device: Device::CPU,
            library: None,
            sessions: None,
            batch: None,
            score_floor: 0.1,
            overlap: 0.55,
            classes: None,
        }
    }
}

/// A model, opened and warm. Dropping it answers the frames it has and ends its threads.
pub struct OnnxDetector {
    name: String,
    sha256: String,
    classes: Vec<String>,
    reading: Arc<Reading>,
    service: Service,
}

impl OnnxDetector {
    /// Loads ONNX Runtime and the model, recognises its layout, runs it once on an empty picture, and starts
    /// its threads.
    ///
    /// # Errors
    /// Whatever keeps the model from being used: nothing that can be known beforehand is left for the first
    /// frame.
    pub fn open(options: &OnnxOptions) -> Result<Self, DetectError> {
        let floor = unit("score floor", options.score_floor)?;
        let overlap = unit("overlap", options.overlap)?;
        let path = &options.model;
        let model =
            fs::read(path).map_err(|source| DetectError::ModelUnreadable { path: path.clone(), source })?;
        let loaded = library::load(options.library.as_deref())?;
        let device = options.device;
        if !loaded.installation.devices.contains(&device.kind) {
            return Err(DetectError::DeviceMissing {
                device: device.to_string(),
                library: loaded.installation.path.clone(),
                available: loaded.installation.devices.iter().map(|kind| kind.as_str()).collect(),
            });
        }

        let session = open_session(&loaded, device, path, &model)?;
        let graph = Graph::of(&session);
        let shape = input_shape(&graph, options)?;
        let mut first = Network::new(session, shape);
        let layout = probe(&mut first, &graph, shape, path)?;
        if shape.batch > 1 {
            refuse_mixing(&mut first, shape, path)?;
        }
        let count = layout.classes();
        let named = options.classes.clone().or_else(|| graph.names.clone());
        let classes = named
            .filter(|names| names.len() == count)
            .or_else(|| classes::default_names(count))
            .ok_or_else(|| DetectError::ClassesUnnamed { path: path.clone(), count })?;

        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        let by_default = if device.kind == DeviceKind::Cpu { cores } else { 1 };
        let mut networks = vec![first];
        for _ in 1..options.sessions.map_or(by_default, NonZeroUsize::get) {
            networks.push(Network::new(open_session(&loaded, device, path, &model)?, shape));
        }
        let preparation = layout.preparation();
        let size = FrameSize { width: shape.width, height: shape.height };
        let reading = Arc::new(Reading {
            picture: Picture { size, fit: preparation.fit, pixels: preparation.pixels },
            levels: preparation.levels(),
            layout,
            families: classes.iter().map(|class| Family::of(class)).collect(),
            floor,
            overlap: i64::from(overlap.0),
            batch: shape.batch,
        });
        let service = Service::start(networks, &reading)?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let sha256 = Sha256::digest(&model).iter().map(|byte| format!("{byte:02x}")).collect();
        tracing::debug!(model = name, layout = reading.layout.name(), %device, "model opened");
        Ok(Self { name, sha256, classes, reading, service })
    }
}

impl Detect for OnnxDetector {
    /// Neither the device nor batch and sessions are part of it: workers of different kinds share their
    /// detections.
    fn describe(&self, rate: Rate) -> Detector {
        let Reading { picture, floor, overlap, .. } = &*self.reading;
        let settings = format!(
            "revision {REVISION}; picture {}x{} {:?} {:?}; floor {}; overlap {overlap}, across families \
             {ACROSS_FAMILIES}; most {MOST}",
            picture.size.width, picture.size.height, picture.pixels, picture.fit, floor.0
        );
        Detector {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            layout: self.reading.layout.name().to_owned(),
            settings,
            rate,
            classes: self.classes.clone(),
        }
    }

    fn picture(&self) -> Picture {
        self.reading.picture
    }

    fn backdrop(&self) -> Option<BackdropWanted> {
        None
    }

    fn submit(&self, frame: Frame, source: FrameSize, _backdrop: Option<Arc<Backdrop>>) -> Ticket {
        let (time, wanted, got) = (frame.time, self.reading.picture.bytes(), frame.data.len());
        if wanted != got {
            return Ticket::answered(Err(DetectError::WrongPicture { time, wanted, got }));
        }
        self.service.submit(frame, source)
    }
}

fn unit(option: &'static str, value: f32) -> Result<Confidence, DetectError> {
    if (0.0..=1.0).contains(&value) {
        Ok(Confidence::from_unit(value))
    } else {
        Err(DetectError::BadOption { option, value })
    }
}

/// Settles every dimension of the model's input: one input of `(batch, 3, height, width)` floats.
fn input_shape(graph: &Graph, options: &OnnxOptions) -> Result<InputShape, DetectError> {
    let path = &options.model;
    let unknown = |reasons: &str| DetectError::UnknownLayout {
        path: path.clone(),
        shapes: graph.shapes(),
        reasons: reasons.to_owned(),
    };
    let [input] = &graph.inputs[..] else {
        return Err(unknown("Only models with one input can be used"));
    };
    if input.element == Element::Other {
        return Err(unknown("Only inputs of float32 or float16 can be used"));
    }
    let &[batch, 3 | -1, height, width] = &input.shape[..] else {
        return Err(unknown("Only inputs of (batch, 3, height, width) can be used"));
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
    Ok(InputShape { batch, width, height, element: input.element })
}

/// Runs the model on an empty picture and recognises what it answers.
fn probe(
    network: &mut Network,
    graph: &Graph,
    input: InputShape,
    path: &Path,
) -> Result<Arc<dyn Layout>, DetectError> {
    let recognised = network.run(|outputs| layouts::recognise(graph, input, outputs));
    recognised.map_err(|source| DetectError::ModelFails { path: path.to_owned(), source })?.map_err(
        |reasons| DetectError::UnknownLayout { path: path.to_owned(), shapes: graph.shapes(), reasons },
    )
}

/// Refuses a model whose answer for one picture depends on its place or neighbours in the batch, as that of
/// one with dynamic quantisation does: its detections would depend on what happened to be queued.
fn refuse_mixing(network: &mut Network, shape: InputShape, path: &Path) -> Result<(), DetectError> {
    let len = 3 * shape.width as usize * shape.height as usize;
    // Any texture will do (the multiplicative hash of Knuth, The Art of Computer Programming 3, 6.4), but the
    // neighbours are brighter: dynamic quantisation goes by the extremes.
    let texture = |seed: u32, most: u32| -> Vec<u8> {
        let level = |i: u32| ((i ^ seed << 24).wrapping_mul(2_654_435_761) >> 16) % most;
        (0..len as u32).map(|i| level(i) as u8).collect()
    };
    let mut answer = |own: usize, neighbours: Option<u32>| {
        for slot in 0..shape.batch {
            match neighbours {
                _ if slot == own => network.fill(slot, &texture(1, 128), &UNCHANGED),
                Some(seed) => network.fill(slot, &texture(seed, 255), &UNCHANGED),
                None => network.clear(slot),
            }
        }
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        network
            .run(|outputs| outputs.iter().map(|output| bits(output.slot(own))).collect::<Vec<_>>())
            .map_err(|source| DetectError::ModelFails { path: path.to_owned(), source })
    };
    let alone = answer(0, None)?;
    if alone == answer(0, Some(2))? && alone == answer(shape.batch - 1, Some(3))? {
        return Ok(());
    }
    let why = "its answer for a picture depends on the others in the batch; use batches of 1".to_owned();
    Err(DetectError::BatchRefused { path: path.to_owned(), batch: shape.batch, why })
}

/// Every byte divided by 255, whatever the model wants: enough to tell answers apart.
const UNCHANGED: crate::network::Levels = {
    let mut channel = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        channel[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    [channel; 3]
};
