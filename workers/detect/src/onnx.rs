//! The detector that runs an ONNX model: opening it, with everything that can be wrong said at once, and
//! handing its frames to the service.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use camcount_domain::{Confidence, Detector, Frame, FrameSize, Picture, Rate};

use crate::{
    Backdrop, BackdropWanted, Detect, DetectError, Device, DeviceKind, Ticket,
    classes::{self, Family},
    cut::least,
    explanation::Explanation,
    graph::{Element, Port},
    layouts::{self, Recognised},
    model::{Model, Ready, Whole},
    network::{InputShape, Levels, Network, Order},
    service::{Reading, Service},
    suppress::{ACROSS_FAMILIES, MOST},
};

/// Goes up whenever the same model gives other detections for the same frame, by a change in this crate.
const REVISION: u32 = 2;
/// What is said of pictures whose size goes by the footage; changes with the rules of [`least`].
const CUT: &str = " cut to the footage";

/// How a model is to be run.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// The model's file; for [`OnnxDetector::of_bytes`], what messages call it.
    pub model: PathBuf,
    /// What the detector is called. By default the file's name without its ending.
    pub name: Option<String>,
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
    /// Class names, for a model that does not give its own or the right ones.
    pub classes: Option<Vec<String>>,
    /// The layout, one of [`layout_names`], where what is recognised is wrong. It is still checked.
    pub layout: Option<String>,
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
            name: None,
            device: Device::CPU,
            library: None,
            sessions: None,
            batch: None,
            score_floor: 0.1,
            overlap: 0.55,
            classes: None,
            layout: None,
        }
    }

    /// How many sessions there will be.
    pub(crate) fn sessions(&self) -> NonZeroUsize {
        let by_default = match self.device.kind {
            DeviceKind::Cpu => available_parallelism().unwrap_or(NonZeroUsize::MIN),
            _ => NonZeroUsize::MIN,
        };
        self.sessions.unwrap_or(by_default)
    }
}

/// A model, opened and warm. Dropping it answers the frames it has and ends its threads.
pub struct OnnxDetector {
    name: String,
    sha256: String,
    explanation: Explanation,
    whole: Whole,
    settings: Settings,
    services: Services,
}

/// Who looks at pictures.
enum Services {
    /// All of them are of one size.
    Whole(Arc<Service>),
    /// One for each size, opened when its first picture comes.
    Cut { model: Box<Model>, slots: Mutex<HashMap<FrameSize, Slot>> },
}

/// Locked while it is opened: only who has pictures of that size waits.
type Slot = Arc<Mutex<Option<Arc<Service>>>>;

/// What is made of answers, whatever the pictures' size.
struct Settings {
    families: Vec<Family>,
    floor: Confidence,
    overlap: Confidence,
}

impl OnnxDetector {
    /// Loads ONNX Runtime and the model, recognises its layout, runs it once on an empty picture, and starts
    /// its threads.
    ///
    /// Where the size of its pictures is fixed and footage would be put in the middle of them with bars around, the model
    /// is cut to the shape of the footage, if that is understood: a copy for each shape, opened with its first frame.
    ///
    /// # Errors
    /// Whatever keeps the model from being used: nothing that can be known beforehand is left for the first
    /// frame.
    pub fn open(options: &OnnxOptions) -> Result<Self, DetectError> {
        Self::of_bytes(options, &Model::read(options)?)
    }

    /// As [`open`](Self::open), of a model whose bytes are at hand.
    ///
    /// # Errors
    /// As those of `open`.
    pub fn of_bytes(options: &OnnxOptions, model: &[u8]) -> Result<Self, DetectError> {
        let floor = unit("score floor", options.score_floor)?;
        let overlap = unit("overlap", options.overlap)?;
        if let Some(layout) = options.layout.as_deref()
            && !layout_names().any(|name| name.eq_ignore_ascii_case(layout))
        {
            let known = layout_names().collect();
            return Err(DetectError::NoSuchLayout { layout: layout.to_owned(), known });
        }
        let path = &options.model;
        let model = Model::load(options, model)?;
        let mut ready = model.whole()?;
        if ready.shape.batch > 1 {
            refuse_mixing(&mut ready.network, ready.shape, path)?;
        }
        let Ready { graph, shape, known_as, recognised: Recognised { layout, reasons }, .. } = &ready;
        let count = layout.classes();
        let classes_from = match (&options.classes, &graph.names) {
            (Some(_), _) => "given",
            (None, Some(_)) => "the model",
            (None, None) => "COCO",
        };
        let classes = graph
            .names
            .clone()
            .or_else(|| classes::default_names(count))
            .ok_or_else(|| DetectError::ClassesUnnamed { path: path.clone(), count })?;
        let preparation = layout.preparation();
        let scaled = |by: [f32; 3]| (shape.element != Element::U8).then_some(by);
        let ports = |ports: &[Port]| ports.iter().map(Port::to_string).collect();
        let whole = Whole::of(&ready);
        let cuts = model.cuts(&whole);
        let explanation = Explanation {
            layout: layout.name().to_owned(),
            known_as,
            reasons: reasons.clone(),
            inputs: ports(&graph.inputs),
            outputs: ports(&graph.outputs),
            picture: Picture { pixels: preparation.pixels, ..whole.picture },
            cut: cuts,
            order: match shape.order {
                Order::Planes => "planes",
                Order::Pixels => "pixels",
            },
            batch: shape.batch,
            mean: scaled(preparation.mean),
            divisor: scaled(preparation.divisor),
            classes,
            classes_from,
        };
        let stem = || path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let name = options.name.clone().unwrap_or_else(stem);
        tracing::debug!(
            model = name,
            layout = explanation.layout,
            cuts,
            device = %options.device,
            "model opened"
        );
        let families = explanation.classes.iter().map(|class| Family::of(class)).collect();
        let settings = Settings { families, floor, overlap };
        let sha256 = model.sha256();
        let services = if cuts {
            Services::Cut { model: Box::new(model), slots: Mutex::default() }
        } else {
            Services::Whole(Arc::new(settings.serve(&model, ready)?))
        };
        Ok(Self { name, sha256, explanation, whole, settings, services })
    }

    /// What was recognised in the model, and why.
    #[must_use]
    pub fn explain(&self) -> &Explanation {
        &self.explanation
    }

    /// Who looks at pictures of `size`.
    fn service(&self, size: FrameSize) -> Result<Arc<Service>, DetectError> {
        let (model, slots) = match &self.services {
            Services::Whole(service) => return Ok(Arc::clone(service)),
            Services::Cut { model, slots } => (model, slots),
        };
        let slot = {
            let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(size).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = &*slot {
            return Ok(Arc::clone(service));
        }
        let ready = model.cut(&self.whole, size)?;
        Ok(Arc::clone(slot.insert(Arc::new(self.settings.serve(model, ready)?))))
    }
}

impl Settings {
    /// Starts as many sessions as are wanted, of which one is `ready`.
    fn serve(&self, model: &Model, ready: Ready<'_>) -> Result<Service, DetectError> {
        let preparation = ready.recognised.layout.preparation();
        let reading = Reading {
            picture: ready.picture(),
            planes: preparation.planes(),
            levels: preparation.levels(),
            layout: Arc::clone(&ready.recognised.layout),
            families: self.families.clone(),
            floor: self.floor,
            overlap: i64::from(self.overlap.0),
            batch: ready.shape.batch,
        };
        Service::start(model.networks(ready)?, &Arc::new(reading))
    }
}

/// The layouts that are known, by the names they can be asked for in [`OnnxOptions::layout`].
pub fn layout_names() -> impl Iterator<Item = &'static str> {
    layouts::names()
}

impl Detect for OnnxDetector {
    /// Neither the device nor batch and sessions are part of it: workers of different kinds share their
    /// detections.
    fn describe(&self, rate: Rate) -> Detector {
        let Settings { floor, overlap, .. } = &self.settings;
        let picture = self.explanation.picture;
        let cut = if self.explanation.cut { CUT } else { "" };
        let settings = format!(
            "revision {REVISION}; picture {}x{} {:?} {:?}{cut}; floor {}; overlap {}, across families \
             {ACROSS_FAMILIES}; most {MOST}",
            picture.size.width, picture.size.height, picture.pixels, picture.fit, floor.0, overlap.0
        );
        Detector {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            layout: self.explanation.layout.clone(),
            settings,
            rate,
            classes: self.explanation.classes.clone(),
        }
    }

    fn picture(&self, source: FrameSize) -> Picture {
        match self.services {
            Services::Whole(_) => self.whole.picture,
            Services::Cut { .. } => {
                Picture { size: least(&self.whole.picture, source), ..self.whole.picture }
            }
        }
    }

    fn backdrop(&self) -> Option<BackdropWanted> {
        None
    }

    fn submit(&self, frame: Frame, source: FrameSize, _backdrop: Option<Arc<Backdrop>>) -> Ticket {
        let picture = self.picture(source);
        let (time, wanted, got) = (frame.time, picture.bytes(), frame.data.len());
        if wanted != got {
            return Ticket::answered(Err(DetectError::WrongPicture { time, wanted, got }));
        }
        match self.service(picture.size) {
            Ok(service) => service.submit(frame, source),
            Err(error) => Ticket::answered(Err(error)),
        }
    }
}

fn unit(option: &'static str, value: f32) -> Result<Confidence, DetectError> {
    if (0.0..=1.0).contains(&value) {
        Ok(Confidence::from_unit(value))
    } else {
        Err(DetectError::BadOption { option, value })
    }
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
    let rows = 0..shape.height as usize;
    let mut answer = |own: usize, neighbours: Option<u32>| {
        for slot in 0..shape.batch {
            match neighbours {
                _ if slot == own => network.fill(slot, &texture(1, 128), rows.clone(), [0, 1, 2], &UNCHANGED),
                Some(seed) => network.fill(slot, &texture(seed, 255), rows.clone(), [0, 1, 2], &UNCHANGED),
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
const UNCHANGED: Levels = Levels { mean: [0.0; 3], divisor: [255.0; 3] };
