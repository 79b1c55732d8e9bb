//! Which pixels move.

use super::{Scene, light::Light};

/// A pixel moves when it differs by more than this from its backdrop, in levels of 255: above the noise
/// that compression leaves in flat areas, below most clothes on most streets.
const THRESHOLD: u32 = 14;

/// … plus so many times the pixel's own median absolute deviation: 4.5 of those are three standard
/// deviations of normal noise (1.4826 each).
const DEVIATIONS_HALVES: u32 = 9;

/// Contrast is the difference as a multiple of the threshold, in sixteenths.
pub(super) const CONTRAST_ONE: u16 = 16;

/// How far every pixel is from its backdrop, in sixteenths of what it takes to move.
pub(super) fn contrast(scene: &Scene, light: Light) -> Vec<u16> {
    let expected: [u8; 256] = std::array::from_fn(|level| light.expected(level as u8));
    let pixels = scene.frame.iter().zip(&scene.median).zip(&scene.noise);
    pixels
        .map(|((seen, usual), noise)| {
            let difference = u32::from(seen.abs_diff(expected[usize::from(*usual)]));
            let threshold = THRESHOLD + u32::from(*noise) * DEVIATIONS_HALVES / 2;
            (difference * u32::from(CONTRAST_ONE) / threshold) as u16
        })
        .collect()
}

/// The moving pixels of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) moving: Vec<bool>,
}

impl Mask {
    /// The moving pixels, speckles removed and small holes closed. `None` when most of the picture moves:
    /// then the camera does, or the light was switched, and no box would mean anything.
    pub(super) fn of(contrast: &[u16], width: usize, height: usize) -> Option<Self> {
        let moving: Vec<bool> = contrast.iter().map(|c| *c > CONTRAST_ONE).collect();
        let mask = Self { width, height, moving };
        // Speckles: fewer than 5 of a pixel's 3x3 neighbourhood. Then a closing that is all height, since
        // people break apart at the belt and not along the spine, and walk side by side.
        let mask = mask.rank(1, 1, 5).rank(0, 2, 1).rank(0, 2, 5);
        let count = mask.moving.iter().filter(|moving| **moving).count();
        (2 * count <= mask.moving.len()).then_some(mask)
    }

    /// A pixel moves when at least `least` pixels do in the neighbourhood of `dx` and `dy` around it. Beyond
    /// the edge nothing moves, except that a closing must not eat from the edge: there the rank is scaled.
    fn rank(&self, dx: usize, dy: usize, least: u32) -> Self {
        let (width, height) = (self.width, self.height);
        let full = ((2 * dx + 1) * (2 * dy + 1)) as u32;
        // Sums along rows first, then down the columns.
        let mut rows = vec![0_u32; width * height];
        for y in 0..height {
            let row = &self.moving[y * width..(y + 1) * width];
            for x in 0..width {
                let span = &row[x.saturating_sub(dx)..(x + dx + 1).min(width)];
                rows[y * width + x] = span.iter().map(|moving| u32::from(*moving)).sum();
            }
        }
        let mut moving = vec![false; width * height];
        for y in 0..height {
            let (from, to) = (y.saturating_sub(dy), (y + dy + 1).min(height));
            for x in 0..width {
                let columns = (x + dx + 1).min(width) - x.saturating_sub(dx);
                let cells = ((to - from) * columns) as u32;
                let count: u32 = (from..to).map(|row| rows[row * width + x]).sum();
                moving[y * width + x] = count * full >= least * cells.max(1) && count > 0;
            }
        }
        Self { width, height, moving }
    }
}
