//! Files that are about to be written: never over what is read.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::Misuse;

/// Refuses outputs that are one of `inputs` or lie in a folder among them, and outputs that are the same file.
pub(crate) fn check<'p>(
    inputs: impl IntoIterator<Item = &'p Path>,
    outputs: impl IntoIterator<Item = &'p Path>,
) -> Result<()> {
    let inputs: Vec<_> = inputs.into_iter().filter_map(|input| input.canonicalize().ok()).collect();
    let mut seen: Vec<PathBuf> = Vec::new();
    for output in outputs {
        let place = resolved(output);
        if inputs.iter().any(|input| place.starts_with(input)) {
            let problem = "is among the inputs and would be overwritten; choose another output";
            bail!(Misuse(format!("{} {problem}", output.display())));
        }
        if seen.contains(&place) {
            bail!(Misuse(format!("{} would be written twice; choose another output", output.display())));
        }
        seen.push(place);
    }
    Ok(())
}

/// The real path of a file that may not exist yet.
fn resolved(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).join(file.file_name().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_read_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let [video, folder] = ["a.mp4", "gate"].map(|name| dir.path().join(name));
        std::fs::write(&video, "x").unwrap();
        std::fs::create_dir(&folder).unwrap();
        let inputs = || [video.as_path(), folder.as_path()];
        let [inside, fresh] = [folder.join("b.mp4"), dir.path().join("plot.png")];
        assert!(check(inputs(), [fresh.as_path()]).is_ok());
        assert!(check(inputs(), [video.as_path()]).unwrap_err().to_string().contains("a.mp4"));
        assert!(check(inputs(), [inside.as_path()]).is_err());
        assert!(check(inputs(), [fresh.as_path(), fresh.as_path()]).is_err());
    }
}
