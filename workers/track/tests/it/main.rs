//! What the tracker promises, on made-up scenes and on public detections.

#![allow(clippy::unwrap_used)]

mod benchmark;
mod scenes;
