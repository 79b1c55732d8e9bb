//! Connected moving pixels, put together and taken apart until each is one object.

use camcount_domain::Confidence;

use super::mask::{CONTRAST_ONE, Mask};

/// Something that moves; edges in pixels, right and bottom exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
    /// Moving pixels.
    pub(super) area: usize,
    /// Their contrast, summed up.
    pub(super) contrast: u64,
}

/// The fewest moving pixels of an object: a person 44 lines tall in 640x360 has about 150 of them.
const LEAST_AREA: usize = 24;

/// The least share of its box that moves, in percent. People fill about 60, shadows and twigs less.
const LEAST_FILL: usize = 25;

impl Blob {
    pub(super) fn width(&self) -> usize {
        self.right - self.left
    }

    pub(super) fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// Half from how clearly it stands out, up to three times the threshold; half from how well it fills its
    /// box, up to 60 percent.
    pub(super) fn confidence(&self) -> Confidence {
        let area = self.area.max(1) as u64;
        let contrast = self.contrast * 5_000 / (area * 3 * u64::from(CONTRAST_ONE));
        let fill = area * 5_000 * 10 / (6 * (self.width() * self.height()).max(1) as u64);
        Confidence((contrast.min(5_000) + fill.min(5_000)) as u16)
    }

    fn join(&mut self, other: &Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.area += other.area;
        self.contrast += other.contrast;
    }

    /// Whether the other is a piece of the same object: one above the other with a small gap, as when a belt
    /// or a window has the colour of the street.
    fn continues(&self, other: &Self) -> bool {
        let shared = self.right.min(other.right).saturating_sub(self.left.max(other.left));
        let narrower = self.width().min(other.width());
        let gap = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom));
        let smaller = self.height().min(other.height());
        2 * shared >= narrower && gap <= 2 + smaller / 4
    }

    /// Whether it spans nearly all of the picture and yet is full of holes: edges everywhere, because the
    /// camera was knocked.
    fn is_web(&self, mask: &Mask) -> bool {
        let box_area = self.width() * self.height();
        4 * box_area > 3 * mask.width * mask.height && 4 * self.area < 3 * box_area
    }

    fn is_object(&self) -> bool {
        self.area >= LEAST_AREA && 100 * self.area >= LEAST_FILL * self.width() * self.height()
    }
}

/// The objects of a mask, from top to bottom.
pub(super) fn find(mask: &Mask, contrast: &[u16]) -> Vec<Blob> {
    let labels = label(mask);
    let mut blobs = collect(mask, contrast, &labels);
    join_pieces(&mut blobs);
    blobs.retain(|blob| blob.is_object() && !blob.is_web(mask));
    blobs.sort_unstable_by_key(|b| (b.top, b.left, b.bottom, b.right));
    blobs
}

/// Numbers the connected pixels (8 neighbours) from 1; 0 is still.
fn label(mask: &Mask) -> Vec<u32> {
    let (width, height) = (mask.width, mask.height);
    let mut labels = vec![0_u32; width * height];
    let mut todo = Vec::new();
    let mut next = 0;
    for start in 0..labels.len() {
        if !mask.moving[start] || labels[start] != 0 {
            continue;
        }
        next += 1;
        labels[start] = next;
        todo.push(start);
        while let Some(at) = todo.pop() {
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let near = ny * width + nx;
                    if mask.moving[near] && labels[near] == 0 {
                        labels[near] = next;
                        todo.push(near);
                    }
                }
            }
        }
    }
    labels
}

fn collect(mask: &Mask, contrast: &[u16], labels: &[u32]) -> Vec<Blob> {
    let mut blobs: Vec<Option<Blob>> = vec![None; labels.iter().max().map_or(0, |most| *most as usize)];
    for (at, label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let (x, y) = (at % mask.width, at / mask.width);
        let contrast = u64::from(contrast[at]);
        let pixel = Blob { left: x, top: y, right: x + 1, bottom: y + 1, area: 1, contrast };
        match &mut blobs[*label as usize - 1] {
            Some(blob) => blob.join(&pixel),
            empty => *empty = Some(pixel),
        }
    }
    blobs.into_iter().flatten().collect()
}

fn join_pieces(blobs: &mut Vec<Blob>) {
    let mut a = 0;
    while a < blobs.len() {
        let piece = (a + 1..blobs.len()).find(|b| blobs[a].continues(&blobs[*b]));
        match piece {
            Some(b) => {
                let piece = blobs.swap_remove(b);
                blobs[a].join(&piece);
                a = 0;
            }
            None => a += 1,
        }
    }
}
