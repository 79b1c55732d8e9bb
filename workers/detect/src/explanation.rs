//! What was recognised in a model, and why, for people.

use camcount_domain::Picture;

/// What was recognised in a model, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The layout, like `yolov8`.
    pub layout: String,
    /// The layout as it can be asked for, one of [`layout_names`](crate::layout_names).
    pub known_as: &'static str,
    /// Why it is this layout.
    pub reasons: Vec<String>,
    /// The model's inputs: name, type, dimensions; `?` where one is left open.
    pub inputs: Vec<String>,
    /// Its outputs likewise.
    pub outputs: Vec<String>,
    /// The pictures that it is given, of footage of their own shape.
    pub picture: Picture,
    /// Whether it is cut to the shape of other footage, instead of putting bars around that.
    pub cut: bool,
    /// How they lie in the input: `planes`, or `pixels`.
    pub order: &'static str,
    /// How many it is given at a time.
    pub batch: usize,
    /// What is taken from every byte, by channel in the picture's order; `None` where the model takes bytes.
    pub mean: Option<[f32; 3]>,
    /// What it is then divided by, by channel.
    pub divisor: Option<[f32; 3]>,
    /// The class names, by index.
    pub classes: Vec<String>,
    /// Where they come from.
    pub classes_from: &'static str,
}
