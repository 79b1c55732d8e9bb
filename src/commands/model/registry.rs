//! `camcount model add`, `list`, `show` and `remove`: models registered by name and version.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use camcount_blob::{Blobs, keys, models};
use camcount_detect::{Detect, OnnxDetector, OnnxOptions};
use camcount_domain::Rate;
use camcount_store::{Model, Registered};
use clap::Args;
use serde::Serialize;

use crate::{
    config::Config,
    models::{ModelName, called, full_name, part, what_there_is},
    place::Place,
    progress::BytesBar,
    report::{Format, columns},
    wall_clock,
};

/// Arguments of `model add`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  camcount model add yolox_nano.onnx
  camcount model add runs/train/weights/best.onnx --name gate --version 2026-05
  camcount model add ssd.onnx --classes \"$(paste -sd, labels.txt)\"
  camcount count street.mp4 --model gate --line 'door: 0.5,0 -> 0.5,1'")]
pub(crate) struct AddArgs {
    /// The model
    #[arg(value_name = "FILE.onnx")]
    file: PathBuf,
    /// What to call it [default: the file's name without its ending]
    #[arg(long, value_parser = part)]
    name: Option<String>,
    /// Which one of that name this is [default: 1, 2, …]
    #[arg(long, value_parser = part)]
    version: Option<String>,
    /// The layout to take it for, where another one is recognised; model inspect tells
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Its class names in their order, for a model that does not give its own or the right ones
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    classes: Option<Vec<String>>,
}

/// Arguments of `model list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  camcount model list --format csv")]
pub(crate) struct ListArgs {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments of `model show`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  camcount model show gate@2026-05")]
pub(crate) struct ShowArgs {
    /// The model; of several versions the newest
    #[arg(value_name = "NAME[@VERSION]")]
    model: ModelName,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Arguments of `model remove`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  camcount model remove gate@2026-05\n\n\
    Counts and detections name their model by its hash and stay readable. Counting more footage or other lines with \
    it needs the same file again.")]
pub(crate) struct RemoveArgs {
    /// The model; without a version only where there is just one
    #[arg(value_name = "NAME[@VERSION]")]
    model: ModelName,
    /// Remove it even when counting with it is not finished
    #[arg(long)]
    force: bool,
}

/// A model as programs are told.
#[derive(Serialize)]
struct Told<'m> {
    name: &'m str,
    version: &'m str,
    layout: &'m str,
    input_width: u32,
    input_height: u32,
    classes: &'m [String],
    bytes: u64,
    sha256: &'m str,
    added: String,
}

impl<'m> From<&'m Model> for Told<'m> {
    fn from(model: &'m Model) -> Self {
        let Model { name, version, sha256, layout, input, classes, bytes, added } = model;
        let (input_width, input_height) = (input.width, input.height);
        let added = added.to_string();
        Self { name, version, layout, input_width, input_height, classes, bytes: *bytes, sha256, added }
    }
}

/// Runs `model add`.
pub(super) async fn add(args: &AddArgs, config: &Config) -> Result<ExitCode> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
            part(&stem).map_err(anyhow::Error::msg).with_context(|| {
                format!("a model cannot be called {stem:?} like its file; choose another --name")
            })?
        }
    };
    let options = OnnxOptions {
        device: config.device,
        library: config.onnxruntime.clone(),
        sessions: Some(NonZeroUsize::MIN),
        classes: args.classes.clone(),
        layout: args.layout.clone(),
        ..OnnxOptions::new(&args.file)
    };
    let data = Place::of(config).await?;
    let detector = tokio::task::block_in_place(|| OnnxDetector::open(&options))?;
    let explanation = detector.explain();
    let known = data.store.models().await?;
    let mut model = Model {
        version: args.version.clone().unwrap_or_default(),
        sha256: detector.describe(Rate::DEFAULT).sha256,
        layout: explanation.known_as.to_owned(),
        input: explanation.picture.size,
        classes: explanation.classes.clone(),
        bytes: 0,
        added: wall_clock::now(),
        name,
    };
    drop(detector);
    if args.version.is_none() {
        model.version = version_of(&model, &known);
    }
    model.bytes = copy(&args.file, &model, &*data.blobs).await?;
    let full_name = full_name(&model);
    let mut out = std::io::stdout().lock();
    match data.store.register_model(&model).await? {
        Registered::New => {
            let Model { layout, classes, bytes, .. } = &model;
            let (input, classes, size) = (input(&model), classes.len(), size(*bytes));
            writeln!(out, "added {full_name}: {layout}, {input}, {classes} classes, {size}")?;
        }
        Registered::AlreadyThere(there) => {
            writeln!(out, "{full_name} is registered already, since {}; nothing to do", there.added)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The version of `model` where none is given: the one it has among `known`, or else the next number.
fn version_of(model: &Model, known: &[Model]) -> String {
    let same_name = || known.iter().filter(|there| there.name == model.name);
    if let Some(there) = same_name().find(|there| model.differs_from(there).is_none()) {
        return there.version.clone();
    }
    let numbers = same_name().filter_map(|there| there.version.parse::<u32>().ok());
    (numbers.max().map_or(1, |highest| u64::from(highest) + 1)).to_string()
}

/// Copies the file into blob storage; returns its size.
async fn copy(file: &Path, model: &Model, blobs: &dyn Blobs) -> Result<u64> {
    let unreadable = || format!("model {} cannot be read", file.display());
    let opened = File::open(file).with_context(unreadable)?;
    let bytes = opened.metadata().with_context(unreadable)?.len();
    let reader = Counted { file: opened, bar: BytesBar::new("copying", bytes), done: 0 };
    models::keep(blobs, &model.sha256, reader).await?;
    Ok(bytes)
}

/// A file whose reading is shown.
struct Counted {
    file: File,
    bar: BytesBar,
    done: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done += read as u64;
        self.bar.show(self.done);
        Ok(read)
    }
}

/// Runs `model list`.
pub(super) async fn list(args: &ListArgs, config: &Config) -> Result<ExitCode> {
    let data = Place::of(config).await?;
    let models = data.store.models().await?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Table => {
            let rows: Vec<_> = models
                .iter()
                .map(|model| {
                    let Model { name, version, layout, classes, bytes, added, sha256, .. } = model;
                    let short = sha256.get(..12).unwrap_or(sha256).to_owned();
                    let (classes, added) = (classes.len().to_string(), added.to_string());
                    let (input, size) = (input(model), size(*bytes));
                    [name.clone(), version.clone(), layout.clone(), input, classes, size, added, short]
                })
                .collect();
            let heads = ["name", "version", "layout", "input", "classes", "size", "added", "sha256"];
            columns(&mut out, heads, &rows)?;
        }
        Format::Json => {
            let told: Vec<_> = models.iter().map(Told::from).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
        }
        Format::Csv => {
            let mut rows = csv::Writer::from_writer(&mut out);
            rows.write_record([
                "name",
                "version",
                "layout",
                "input_width",
                "input_height",
                "classes",
                "bytes",
                "sha256",
                "added",
            ])?;
            for model in &models {
                let Told { name, version, layout, input_width, input_height, classes, bytes, sha256, added } =
                    Told::from(model);
                let numbers = [input_width.into(), input_height.into(), classes.len() as u64, bytes];
                let [width, height, classes, bytes] = numbers.map(|number| number.to_string());
                rows.write_record([
                    name, version, layout, &width, &height, &classes, &bytes, sha256, &added,
                ])?;
            }
            rows.flush()?;
        }
    }
    if models.is_empty() && args.format == Format::Table {
        eprintln!("no model is registered; add one with `camcount model add FILE.onnx`");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `model show`.
pub(super) async fn show(args: &ShowArgs, config: &Config) -> Result<ExitCode> {
    let data = Place::of(config).await?;
    let model = known(&data, &args.model).await?.swap_remove(0);
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&Told::from(&model))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let uses = data.store.model_use(&model.sha256).await?;
    let copy = match data.blobs.size(&keys::model(&model.sha256)).await? {
        Some(bytes) if bytes == model.bytes => data.blobs.source(&keys::model(&model.sha256)).await?,
        _ => "lost or damaged; `camcount model add` its file again".to_owned(),
    };
    let Model { layout, sha256, classes, bytes, added, .. } = &model;
    writeln!(out, "model    {}", full_name(&model))?;
    writeln!(out, "layout   {layout}")?;
    writeln!(out, "picture  {}", input(&model))?;
    writeln!(out, "classes  {}: {}", classes.len(), classes.join(", "))?;
    writeln!(out, "size     {} ({bytes} bytes)", size(*bytes))?;
    writeln!(out, "sha256   {sha256}")?;
    writeln!(out, "added    {added}")?;
    writeln!(out, "copy     {copy}")?;
    writeln!(out, "counted  {}, {} not finished", passes(uses.passes), uses.unfinished)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `model remove`.
pub(super) async fn remove(args: &RemoveArgs, config: &Config) -> Result<ExitCode> {
    let data = Place::of(config).await?;
    let mut models = known(&data, &args.model).await?;
    if models.len() > 1 {
        let names: Vec<_> = models.iter().map(full_name).collect();
        bail!("{} has several versions; say which to remove: {}", args.model, names.join(", "));
    }
    let model = models.swap_remove(0);
    let full_name = full_name(&model);
    let others = data.store.models().await?;
    let shared = others.iter().any(|other| other.sha256 == model.sha256 && *other != model);
    let uses = data.store.model_use(&model.sha256).await?;
    if uses.unfinished > 0 && !shared && !args.force {
        bail!(
            "counting with {full_name} is not finished ({} of {}), and could not go on without it; run those \
             counts again to finish them, or remove it all the same with --force",
            uses.unfinished,
            passes(uses.passes)
        );
    }
    // The row is the truth: bytes without one are found again when the file is added anew.
    data.store.remove_model(&model.name, &model.version).await?;
    let mut out = std::io::stdout().lock();
    if shared {
        writeln!(out, "removed {full_name}; its file stays, registered under another name or version")?;
    } else {
        data.blobs.delete(&keys::model(&model.sha256)).await?;
        writeln!(out, "removed {full_name} and its copy, {}", size(model.bytes))?;
    }
    if uses.passes > 0 {
        writeln!(out, "what it counted stays: {}", passes(uses.passes))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The models that `wanted` may mean: at least one.
async fn known(data: &Place, wanted: &ModelName) -> Result<Vec<Model>> {
    let models = called(&*data.store, wanted).await?;
    if models.is_empty() {
        bail!("{wanted} is not registered; {}", what_there_is(&*data.store).await?);
    }
    Ok(models)
}

/// The picture that it is given.
fn input(model: &Model) -> String {
    format!("{}x{}", model.input.width, model.input.height)
}

/// So many passes as people say it.
fn passes(number: u64) -> String {
    if number == 1 { "1 pass".to_owned() } else { format!("{number} passes") }
}

/// A size as people say it.
fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use camcount_domain::{FrameSize, WallTime};

    use super::*;

    #[test]
    fn versions_are_numbers_that_go_up() {
        let model = |version: &str, sha256: &str| Model {
            name: "gate".to_owned(),
            version: version.to_owned(),
            sha256: sha256.to_owned(),
            layout: "YOLOX".to_owned(),
            input: FrameSize { width: 64, height: 64 },
            classes: Vec::new(),
            bytes: 1,
            added: WallTime(0),
        };
        let known = [model("9", "a"), model("10", "b"), model("2026-05", "c")];
        let other = Model { name: "far".to_owned(), ..model("77", "d") };
        let known = [&known[..], &[other]].concat();
        assert_eq!(version_of(&model("", "new"), &known), "11");
        assert_eq!(version_of(&model("", "c"), &known), "2026-05", "it has one already");
        assert_eq!(version_of(&model("", "new"), &[]), "1");
    }
}
