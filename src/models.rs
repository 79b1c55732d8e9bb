//! Models by name: what `--model` means, and the detector that it opens.

use std::{collections::BTreeMap, error::Error, fmt, path::Path, str::FromStr, sync::Arc};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use camcount_blob::{BlobError, Blobs, models};
use camcount_detect::{Detect, Gated, MotionDetector, OnnxDetector, OnnxOptions, layout_names};
use camcount_domain::Detector;
use camcount_runtime::LoadDetector;
use camcount_store::{Model, Store};
use tokio::sync::Mutex;

use crate::{commands::count::LookingArgs, config::Config, place::Place};

/// The detector without a model.
const MOTION: &str = "motion";

/// A registered model as people write it: `NAME`, or `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelName {
    /// What it is called.
    pub name: String,
    /// Which one; the newest without.
    pub version: Option<String>,
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let version = version.map(part).transpose()?;
        Ok(Self { name: part(name)?, version })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A name or a version of a model: what needs no quotes in a shell and is taken for nothing else.
pub(crate) fn part(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    if text == MOTION {
        Err("motion is the detector without a model; choose another name".to_owned())
    } else if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("names and versions of models begin with a letter or digit and hold letters, digits and -_.+ only"
            .to_owned())
    }
}

/// A registered model's name and version in one.
pub(crate) fn full_name(model: &Model) -> String {
    format!("{}@{}", model.name, model.version)
}

/// The registered models that `wanted` may mean, the newest first: at most one where it has a version.
pub(crate) async fn called(store: &dyn Store, wanted: &ModelName) -> Result<Vec<Model>> {
    let mut models = store.models().await?;
    let right = |version: &String| wanted.version.as_ref().is_none_or(|wanted| wanted == version);
    models.retain(|model| model.name == wanted.name && right(&model.version));
    Ok(models)
}

/// What is registered, and how to add to it: the end of a complaint that something is not.
pub(crate) async fn what_there_is(store: &dyn Store) -> Result<String> {
    /// More names than this help nobody.
    const MOST: usize = 20;
    let models = store.models().await?;
    let names: Vec<_> = models.iter().take(MOST).map(full_name).collect();
    let there = match (names.join(", "), models.len()) {
        (_, 0) => "no model is registered".to_owned(),
        (names, all) if all > MOST => format!("registered are {names} and {} more", all - MOST),
        (names, _) => format!("registered are {names}"),
    };
    Ok(format!("{there}; add one with `camcount model add FILE.onnx`"))
}

/// Opens the detector that is to look: without a model, with the one in a file, or with a registered one.
pub(crate) async fn open(looking: &LookingArgs, data: &Place, config: &Config) -> Result<Arc<dyn Detect>> {
    let LookingArgs { model, layout, .. } = looking;
    if model.as_os_str() == MOTION {
        return Ok(Arc::new(MotionDetector::new()));
    }
    let options = OnnxOptions {
        device: config.device,
        library: config.onnxruntime.clone(),
        sessions: Some(config.workers),
        layout: layout.clone(),
        ..OnnxOptions::new(model)
    };
    if model.exists() && !model.is_dir() {
        return Ok(Arc::new(tokio::task::block_in_place(|| OnnxDetector::open(&options))?));
    }
    let model = registered(&*data.store, model).await?;
    let full_name = full_name(&model);
    let bytes = match models::load(&*data.blobs, &model.sha256).await {
        Err(error @ (BlobError::Missing { .. } | BlobError::Damaged { .. })) => {
            return Err(error).with_context(|| {
                format!("the copy of {full_name} is lost or damaged; `camcount model add` its file again")
            });
        }
        loaded => loaded?,
    };
    let options = OnnxOptions {
        model: full_name.into(),
        name: Some(model.name),
        layout: options.layout.or(Some(model.layout)),
        classes: Some(model.classes),
        ..options
    };
    Ok(Arc::new(tokio::task::block_in_place(|| OnnxDetector::of_bytes(&options, &bytes))?))
}

/// Stores a model's file where workers find it.
pub(crate) async fn keep(blobs: &dyn Blobs, file: &Path, sha256: &str) -> Result<()> {
    let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    models::keep(blobs, sha256, opened).await?;
    Ok(())
}

/// Opens detectors by what the store says of them, with their models from blob storage. What it has opened stays
/// open: a model that is looked with in two ways is there once.
pub(crate) struct Loader {
    blobs: Arc<dyn Blobs>,
    config: Config,
    /// By the SHA-256 of their models.
    opened: Mutex<BTreeMap<String, Vec<Arc<dyn Detect>>>>,
}

impl Loader {
    /// One over these blobs, on the device that the settings name.
    pub(crate) fn new(blobs: Arc<dyn Blobs>, config: Config) -> Self {
        Self { blobs, config, opened: Mutex::default() }
    }

    /// The detector without any gate, with its model taken for `layout`, or for what is recognised.
    fn open(&self, wanted: &Detector, bytes: &[u8], layout: Option<&str>) -> Result<Arc<dyn Detect>> {
        let options = OnnxOptions {
            device: self.config.device,
            library: self.config.onnxruntime.clone(),
            sessions: Some(self.config.workers),
            name: Some(wanted.name.clone()),
            layout: layout.map(str::to_owned),
            classes: Some(wanted.classes.clone()),
            ..OnnxOptions::new(Path::new(&wanted.name))
        };
        Ok(Arc::new(tokio::task::block_in_place(|| OnnxDetector::of_bytes(&options, bytes))?))
    }

    /// `plain` as it is or behind a gate, whichever sees as `wanted` does.
    fn fitted(plain: &Arc<dyn Detect>, wanted: &Detector) -> Option<Arc<dyn Detect>> {
        let gated: Arc<dyn Detect> = Arc::new(Gated::new(Arc::clone(plain)));
        let sees_alike =
            |detect: &Arc<dyn Detect>| detect.describe(wanted.rate).version() == wanted.version();
        [Arc::clone(plain), gated].into_iter().find(sees_alike)
    }

    async fn fitting(&self, wanted: &Detector) -> Result<Option<Arc<dyn Detect>>> {
        if wanted.sha256.is_empty() {
            let motion: Arc<dyn Detect> = Arc::new(MotionDetector::new());
            return Ok(Self::fitted(&motion, wanted));
        }
        let mut opened = self.opened.lock().await;
        let known = opened.get(&wanted.sha256).into_iter().flatten();
        if let Some(fitted) = known.filter_map(|plain| Self::fitted(plain, wanted)).next() {
            return Ok(Some(fitted));
        }
        let bytes = models::load(&*self.blobs, &wanted.sha256).await.with_context(|| {
            format!(
                "the model {} is not where many machines find it; `camcount model add` its file",
                wanted.name
            )
        })?;
        let mut plain = self.open(wanted, &bytes, None)?;
        let mut fitted = Self::fitted(&plain, wanted);
        // Somebody may have said what to take it for.
        for layout in layout_names() {
            if fitted.is_some() {
                break;
            }
            let Ok(other) = self.open(wanted, &bytes, Some(layout)) else { continue };
            fitted = Self::fitted(&other, wanted);
            plain = other;
        }
        if fitted.is_some() {
            opened.entry(wanted.sha256.clone()).or_default().push(plain);
        }
        Ok(fitted)
    }
}

#[async_trait]
impl LoadDetector for Loader {
    async fn load(&self, wanted: &Detector) -> Result<Arc<dyn Detect>, Box<dyn Error + Send + Sync>> {
        self.fitting(wanted).await?.ok_or_else(|| {
            let name = wanted.version();
            format!("{name} is what another version of camcount sees; run that, or assign the model again")
                .into()
        })
    }
}

/// The registered model that somebody named where a file could stand.
async fn registered(store: &dyn Store, text: &Path) -> Result<Model> {
    let wanted = text.to_str().and_then(|text| text.parse().ok());
    let found = match &wanted {
        Some(wanted) => called(store, wanted).await?.into_iter().next(),
        None => None,
    };
    match found {
        Some(model) => Ok(model),
        None => bail!(
            "{} is neither a file nor a registered model; {}",
            text.display(),
            what_there_is(store).await?
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_a_version() {
        for (text, name, version) in
            [("gate", "gate", None), ("yolox_s.v2@2026-05", "yolox_s.v2", Some("2026-05"))]
        {
            let read: ModelName = text.parse().unwrap();
            assert_eq!((read.name.as_str(), read.version.as_deref()), (name, version));
            assert_eq!(read.to_string(), text);
        }
        for bad in ["", "@1", "gate@", "gate@1@2", "a/b", "motion", "motion@1", "-x", ".x", "a b", "ü"] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad:?}");
        }
    }
}
