//! A model's bytes, and copies of it that are ready to run: as it is, or cut to pictures of another shape.

use std::{borrow::Cow, fs, num::NonZeroUsize, sync::Arc};

use camcount_domain::{Fit, FrameSize, Picture, PixelFormat};
use sha2::{Digest, Sha256};

use crate::{
    DetectError, OnnxOptions,
    cut::{COARSEST, cut, least},
    error::Cause,
    graph::Graph,
    input::input_shape,
    layouts::{self, Layout, Recognised},
    library::{self, Loaded},
    network::{InputShape, Network, open_session},
};

/// A model, and what it is to run on.
pub(crate) struct Model {
    options: OnnxOptions,
    bytes: Vec<u8>,
    loaded: Loaded,
}

/// A copy of a model that ran, and what was recognised in it.
pub(crate) struct Ready<'m> {
    /// The model's, or what is left of them.
    bytes: Cow<'m, [u8]>,
    pub(crate) graph: Graph,
    pub(crate) shape: InputShape,
    pub(crate) network: Network,
    /// The layout, by the name that it can be asked for.
    pub(crate) known_as: &'static str,
    pub(crate) recognised: Recognised,
}

impl Model {
    /// The bytes of the file.
    pub(crate) fn read(options: &OnnxOptions) -> Result<Vec<u8>, DetectError> {
        let path = options.model.clone();
        fs::read(&path).map_err(|source| DetectError::ModelUnreadable { path, source })
    }

    /// Loads ONNX Runtime, which must know the device.
    pub(crate) fn load(options: &OnnxOptions, bytes: &[u8]) -> Result<Self, DetectError> {
        let loaded = library::load(options.library.as_deref())?;
        let device = options.device;
        if !loaded.installation.devices.contains(&device.kind) {
            return Err(DetectError::DeviceMissing {
                device: device.to_string(),
                library: loaded.installation.path.clone(),
                available: loaded.installation.devices.iter().map(|kind| kind.as_str()).collect(),
            });
        }
        Ok(Self { options: options.clone(), bytes: bytes.to_vec(), loaded })
    }

    pub(crate) fn sha256(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A copy of the model as it is.
    pub(crate) fn whole(&self) -> Result<Ready<'_>, DetectError> {
        self.ready(Cow::Borrowed(&self.bytes))
    }

    /// A copy for pictures of `size`, which is no more than that of the `whole`.
    pub(crate) fn cut(&self, whole: &Whole, size: FrameSize) -> Result<Ready<'_>, DetectError> {
        if size == whole.picture.size {
            return self.whole();
        }
        let uncut = || DetectError::Uncut { path: self.options.model.clone() };
        let bytes = cut(&self.bytes, whole.picture.size, size, !whole.layout.has_grid()).ok_or_else(uncut)?;
        let ready = self.ready(Cow::Owned(bytes))?;
        let layout = &ready.recognised.layout;
        let same = layout.name() == whole.layout.name() && layout.classes() == whole.layout.classes();
        if same { Ok(ready) } else { Err(uncut()) }
    }

    /// Whether it is cut to the shape of footage. That is tried with about half the width and height, both odd multiples of
    /// the coarsest cells and not the same, so that nothing is left to fail with other shapes.
    pub(crate) fn cuts(&self, whole: &Whole) -> bool {
        let Picture { size, fit, .. } = whole.picture;
        let has_cells = |side: u32| side.is_multiple_of(COARSEST);
        if fit == Fit::Stretch || !has_cells(size.width) || !has_cells(size.height) {
            return false;
        }
        let cells = |side: u32, more: u32| (((side / COARSEST / 2) | 1) + more) * COARSEST;
        let width = cells(size.width, 0).min(size.width);
        let height = cells(size.height, 2).min(size.height);
        match self.cut(whole, FrameSize { width, height }) {
            Ok(_) => true,
            Err(DetectError::Uncut { .. }) => false,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the model fails where it is cut to the shape of the footage; it stays whole"
                );
                false
            }
        }
    }

    /// A copy for footage of `source` pixels.
    pub(crate) fn fitted(&self, source: FrameSize) -> Result<Ready<'_>, DetectError> {
        let ready = self.whole()?;
        let whole = Whole::of(&ready);
        if self.cuts(&whole) { self.cut(&whole, least(&whole.picture, source)) } else { Ok(ready) }
    }

    /// As many copies as sessions are wanted: `first`, and others of the same.
    pub(crate) fn networks(&self, first: Ready<'_>) -> Result<Vec<Network>, DetectError> {
        let Ready { bytes, shape, network, .. } = first;
        let mut networks = vec![network];
        for _ in 1..self.options.sessions().get() {
            let session = open_session(&self.loaded, self.options.device, &self.options.model, &bytes)?;
            networks.push(Network::new(session, shape));
        }
        Ok(networks)
    }

    fn ready<'m>(&self, bytes: Cow<'m, [u8]>) -> Result<Ready<'m>, DetectError> {
        let Self { options, loaded, .. } = self;
        let session = open_session(loaded, options.device, &options.model, &bytes)?;
        let mut graph = Graph::of(&session);
        graph.names = options.classes.clone().or(graph.names);
        let shape = input_shape(&graph, options)?;
        let mut network = Network::new(session, shape);
        let (known_as, recognised) = probe(&mut network, &graph, shape, options)?;
        Ok(Ready { bytes, graph, shape, network, known_as, recognised })
    }
}

/// What copies that are cut are held against.
pub(crate) struct Whole {
    /// What it is given of footage of its own shape.
    pub(crate) picture: Picture,
    layout: Arc<dyn Layout>,
}

impl Whole {
    pub(crate) fn of(ready: &Ready<'_>) -> Self {
        Self { picture: ready.picture(), layout: Arc::clone(&ready.recognised.layout) }
    }
}

impl Ready<'_> {
    /// The pictures that it is given.
    pub(crate) fn picture(&self) -> Picture {
        let size = FrameSize { width: self.shape.width, height: self.shape.height };
        let fit = self.recognised.layout.preparation().fit;
        Picture { size, fit, pixels: PixelFormat::GbrPlanes }
    }
}

/// Runs the model on an empty picture and recognises what it answers.
fn probe(
    network: &mut Network,
    graph: &Graph,
    input: InputShape,
    options: &OnnxOptions,
) -> Result<(&'static str, Recognised), DetectError> {
    let path = &options.model;
    let wanted = options.layout.as_deref();
    let recognised = network.run(|outputs| layouts::recognise(graph, input, outputs, wanted));
    let fails = |source: Cause| match options.batch.map(NonZeroUsize::get) {
        // An open dimension in the file is no promise: parts of the model may be fixed all the same.
        Some(batch @ 2..) => {
            let why = format!("it fails when run so ({source}); try batches of 1");
            DetectError::BatchRefused { path: path.clone(), batch, why }
        }
        _ => DetectError::ModelFails { path: path.clone(), source },
    };
    let unknown =
        |reasons| DetectError::UnknownLayout { path: path.clone(), shapes: graph.shapes(), reasons };
    recognised.map_err(fails)?.map_err(unknown)
}
