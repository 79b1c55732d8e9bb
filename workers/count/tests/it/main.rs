//! What the counter promises, as tables, properties and against ground truth.

mod mistakes;
mod properties;
mod scene;
mod truth;
mod zones;
