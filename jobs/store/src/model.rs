//! A registered model: a file in blob storage by the name and version that people gave it.

use camcount_domain::{FrameSize, WallTime};

/// A registered model, and how it is to be taken. Its bytes lie in blob storage under their checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What people call it.
    pub name: String,
    /// Which of that name.
    pub version: String,
    /// SHA-256 of its file in hex.
    pub sha256: String,
    /// The layout that it is taken for, as it can be asked for.
    pub layout: String,
    /// The picture that it is given, in pixels.
    pub input: FrameSize,
    /// Its class names, by index.
    pub classes: Vec<String>,
    /// The file's size.
    pub bytes: u64,
    /// When it was registered. Of one name, the newest is the one that is meant without a version.
    pub added: WallTime,
}

impl Model {
    /// What makes this another model than `other`, whatever the two are called and whenever they were added;
    /// `None` when they are the same.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<&'static str> {
        if self.sha256 != other.sha256 {
            Some("another file")
        } else if self.layout != other.layout {
            Some("another layout")
        } else if self.classes != other.classes {
            Some("other classes")
        } else {
            None
        }
    }
}

/// What became of registering a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is registered from now on.
    New,
    /// It was registered before, like this; nothing changed.
    AlreadyThere(Model),
}

/// What was counted with a model's file, by whatever name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelUse {
    /// Passes.
    pub passes: u64,
    /// Those of them that have segments left to count.
    pub unfinished: u64,
}
