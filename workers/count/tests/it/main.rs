//! What the counter promises, as tables, properties and against ground truth.

#![allow(clippy::unwrap_used)]

mod mistakes;
mod properties;
mod scene;
mod truth;
mod zones;
