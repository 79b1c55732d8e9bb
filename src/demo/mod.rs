//! `camcount demo`: a street drawn by camcount itself, whose true counts are known because they are scripted.
//!
//! - [`street()`]: who walks and drives where, and the lines and zone that are counted
//! - [`truth()`]: what crossed and entered what, computed from the scripted paths alone
//! - [`render`]: the frames, drawn from the same paths
//!
//! Everything is a pure function of the script: the same frames and the same truth on every machine.

mod canvas;
mod draw;
mod figures;
mod scene;
mod script;
mod street;
mod truth;

pub(crate) use draw::render;
pub(crate) use script::{rules, street};
pub(crate) use truth::{Truth, truth};
