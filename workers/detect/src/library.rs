//! Finding ONNX Runtime and loading it, once per process.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

use crate::{DetectError, DeviceKind};

/// The file that the system's loader would call ONNX Runtime.
const FILE: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// The ONNX Runtime in use, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Where it lies.
    pub path: PathBuf,
    /// Its version, like `1.31.1`; how it was built, where it does not say.
    pub version: String,
    /// The kinds of devices it was built for. Whether one of them is there shows when a model is opened.
    pub devices: Vec<DeviceKind>,
}

/// Loads ONNX Runtime, from `library` or from the first of the usual places that has it, and says what it is.
///
/// The places: `ORT_DYLIB_PATH`, beside the executable, `camcount/lib` in the user's data folder, the
/// system's library folders.
///
/// # Errors
/// When it is missing, unusable, or another one is already loaded.
pub fn installation(library: Option<&Path>) -> Result<Installation, DetectError> {
    let mut installation = load(library)?.installation;
    if let Some(version) = version(&installation.path) {
        installation.version = version;
    }
    Ok(installation)
}

/// The version that the library's symbols are marked with, as builds for Linux are: `VERS_1.31.1`. Asking
/// the library itself would take unsafe code.
fn version(path: &Path) -> Option<String> {
    const MARK: &[u8] = b"\0VERS_";
    let bytes = fs::read(path).ok()?;
    let at = bytes.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let end = bytes[at..].iter().position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(&bytes[at..at + end]).ok()?;
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.to_owned())
}

/// The loaded library.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) environment: Environment,
    pub(crate) installation: Installation,
}

/// ONNX Runtime can be loaded once only, and its environment must outlive every session.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

pub(crate) fn load(library: Option<&Path>) -> Result<Loaded, DetectError> {
    let mut slot = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = slot.as_ref() {
        let wanted = library.map(resolved);
        return match wanted {
            Some(wanted) if wanted != loaded.installation.path => {
                Err(DetectError::LibraryInUse { loaded: loaded.installation.path.clone(), wanted })
            }
            _ => Ok(loaded.clone()),
        };
    }
    let loaded = start(find(library)?)?;
    *slot = Some(loaded.clone());
    Ok(loaded)
}

/// Loads the library and starts its one environment.
fn start(path: PathBuf) -> Result<Loaded, DetectError> {
    let unusable = |source| DetectError::LibraryUnusable { path: path.clone(), source };
    let environment = ort::init_from(&path)
        .map_err(|e| unusable(Box::new(e)))?
        .with_name("camcount")
        .with_telemetry(false)
        .with_logger(Arc::new(|level, _, _, place, message| match level {
            // What matters comes back as an error too, and is logged by whoever handles it.
            LogLevel::Fatal | LogLevel::Error => tracing::debug!(place, "onnxruntime: {message}"),
            _ => tracing::trace!(place, "onnxruntime: {message}"),
        }))
        .build()
        .map_err(|e| unusable(Box::new(e)))?;
    environment.set_log_level(LogLevel::Warning);
    let devices = DeviceKind::ALL.into_iter().filter(|kind| kind.is_built_in()).collect();
    let version = ort::info().trim_start_matches("ORT Build Info: ").to_owned();
    Ok(Loaded { environment, installation: Installation { path, version, devices } })
}

/// One name for one file, so that two ways to write it are the same library.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn find(library: Option<&Path>) -> Result<PathBuf, DetectError> {
    // What somebody named must be there: falling back to another one would surprise.
    let named = library.map(Path::to_owned).or_else(|| folder("ORT_DYLIB_PATH"));
    let candidates =
        named.map_or_else(|| folders().map(|folder| folder.join(FILE)).collect(), |path| vec![path]);
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(resolved(path)),
        None => Err(DetectError::LibraryMissing { looked_at: candidates }),
    }
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let data = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
    let system = ["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    beside
        .into_iter()
        .chain(data.map(|data| data.join("camcount/lib")))
        .chain(system.into_iter().map(PathBuf::from))
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_says_where_it_was_looked_for() {
        let missing = find(Some(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err();
        assert!(missing.is_environment());
        let text = missing.to_string();
        assert!(text.contains("infra/setup") && text.contains("/nowhere/libonnxruntime.so"), "{text}");
    }

    #[test]
    fn the_version_is_read_from_the_marks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"ELF\0OrtGetApiBase\0VERS_1.31.1\0more").unwrap();
        assert_eq!(version(file.path()).as_deref(), Some("1.31.1"));
        fs::write(file.path(), b"ELF\0OrtGetApiBase\0more").unwrap();
        assert_eq!(version(file.path()), None);
    }
}
