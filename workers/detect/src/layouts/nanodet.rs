//! NanoDet and PicoDet: for every feature map one output with class scores, `(batch, cells, classes)`, and
//! one with distances, `(batch, cells, 4 · bins)`: how far the box reaches from the middle of the cell to
//! the left, top, right and bottom, each as a distribution over whole strides.
//!
//! A distance is the distribution's mean: softmax over the bins, times their numbers, times the stride (Li
//! et al. 2020, Generalized Focal Loss, arXiv:2006.04388).

use camcount_domain::{Confidence, Fit, PixelFormat};

use super::{
    Candidate, Layout, Preparation, Recognition, are_shares, before_rounding,
    grid::{self, Cell},
    likeliest, told,
};
use crate::{
    graph::Graph,
    network::{InputShape, Output},
};

/// Strides that models are built with: three maps for NanoDet, four for PicoDet and NanoDet-Plus.
const STRIDES: [u32; 4] = [8, 16, 32, 64];

/// One feature map.
struct Map {
    /// The output with its class scores.
    scores: usize,
    /// The output with its distances.
    distances: usize,
    cells: Vec<Cell>,
}

struct NanoDet {
    maps: Vec<Map>,
    classes: usize,
    bins: usize,
}

pub(super) fn recognise(_graph: &Graph, input: InputShape, outputs: &[Output<'_>]) -> Recognition {
    let strides = &STRIDES[..(outputs.len() / 2).min(STRIDES.len())];
    if outputs.len() != 2 * strides.len() || strides.len() < 3 {
        return Err(format!("it has {} outputs, not two for each of three or four maps", outputs.len()));
    }
    let mut widths = Vec::new();
    let mut maps = Vec::new();
    for &stride in strides {
        let cells: Vec<_> = grid::map(input, stride).collect();
        let of_map: Vec<_> = (0..outputs.len())
            .filter(|at| matches!(outputs[*at].shape[..], [_, rows, _] if rows == cells.len()))
            .collect();
        // Distances are logits, and some of them are negative even for an empty picture.
        let (scores, distances): (Vec<_>, Vec<_>) =
            of_map.into_iter().partition(|at| are_shares(outputs[*at].slot(0)));
        let (&[scores], &[distances]) = (&scores[..], &distances[..]) else {
            return Err(format!(
                "it has not one output of scores within 0 and 1 and one of distances for the {} cells at \
                 stride {stride}",
                cells.len()
            ));
        };
        widths.push((outputs[scores].len() / cells.len(), outputs[distances].len() / cells.len()));
        maps.push(Map { scores, distances, cells });
    }
    let (classes, distances) = widths[0];
    if widths.iter().any(|width| *width != widths[0]) || distances % 4 != 0 || distances < 8 {
        return Err("its maps have not the same classes and four distances each".to_owned());
    }
    let bins = distances / 4;
    told(
        NanoDet { maps, classes, bins },
        [
            format!("two outputs for each of the {} maps at strides {strides:?}", strides.len()),
            format!("one with {classes} class scores within 0 and 1, one with four distances of {bins} bins"),
        ],
    )
}

impl NanoDet {
    /// The box of a cell.
    fn place(&self, Cell { x, y, stride }: Cell, distances: &[f32]) -> [f32; 4] {
        let (x, y) = ((x + 0.5) * stride, (y + 0.5) * stride);
        let mut reach = distances.chunks_exact(self.bins).map(|bins| mean(bins) * stride);
        let mut next = || reach.next().unwrap_or(0.0);
        [x - next(), y - next(), x + next(), y + next()]
    }
}

/// The mean bin of a distribution given as logits.
fn mean(logits: &[f32]) -> f32 {
    let most = logits.iter().fold(f32::NEG_INFINITY, |most, logit| most.max(*logit));
    let (mut total, mut sum) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - most).exp();
        total += weight;
        sum += weight * bin as f32;
    }
    sum / total
}

impl Layout for NanoDet {
    fn name(&self) -> &'static str {
        if self.maps.len() == 3 { "nanodet" } else { "picodet" }
    }

    fn has_grid(&self) -> bool {
        true
    }

    /// ImageNet's means and deviations (NanoDet's configurations), blue first, black bars around. Of all
    /// orders of channels and constants, with and without bars, this finds people best in both.
    fn preparation(&self) -> Preparation {
        Preparation {
            fit: Fit::Centre { pad: 0 },
            pixels: PixelFormat::Bgr,
            mean: [103.53, 116.28, 123.675],
            divisor: [57.375, 57.12, 58.395],
        }
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn read(&self, outputs: &[Output<'_>], slot: usize, floor: Confidence) -> Vec<Candidate> {
        let part = |at: usize| outputs.get(at).map_or(&[][..], |output| output.slot(slot));
        let least = before_rounding(floor);
        let mut found = Vec::new();
        for map in &self.maps {
            let scores = part(map.scores).chunks_exact(self.classes);
            let distances = part(map.distances).chunks_exact(4 * self.bins);
            for ((cell, scores), distances) in map.cells.iter().zip(scores).zip(distances) {
                if scores.iter().fold(0.0_f32, |best, score| best.max(*score)) < least {
                    continue;
                }
                let (class, confidence) = likeliest(scores.iter().copied());
                if confidence >= floor {
                    found.push(Candidate { pixels: self.place(*cell, distances), class, confidence });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{output, recognised},
        *,
    };

    /// Two classes and four bins, for a picture of 64x64.
    fn outputs(maps: &[usize]) -> Vec<Output<'static>> {
        let scores = maps.iter().map(|cells| output(&[1, *cells, 2], vec![0.01; cells * 2]));
        let distances = maps.iter().map(|cells| output(&[1, *cells, 16], vec![-50.0; cells * 16]));
        scores.chain(distances).collect()
    }

    #[test]
    fn a_cell_becomes_a_box() {
        let mut answer = outputs(&[64, 16, 4]);
        let layout = recognised(None, &answer).unwrap().layout;
        assert_eq!((layout.name(), layout.classes()), ("nanodet", 2));
        assert_eq!(layout.read(&answer, 0, Confidence(1000)), []);
        // The second cell of the second row of the map of stride 16.
        answer[1].values.to_mut()[5 * 2 + 1] = 0.7;
        let distances = &mut answer[4].values.to_mut()[5 * 16..6 * 16];
        // All in one bin, one stride; all in bin 0; between bins 1 and 2; all in bin 3.
        for at in [1, 4, 9, 10, 15] {
            distances[at] = 50.0;
        }
        let found = layout.read(&answer, 0, Confidence(1000));
        let wanted = Candidate { pixels: [8.0, 24.0, 48.0, 72.0], class: 1, confidence: Confidence(7000) };
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn four_maps_are_picodet() {
        let layout = recognised(None, &outputs(&[64, 16, 4, 1])).unwrap().layout;
        assert_eq!(layout.name(), "picodet");
    }

    #[test]
    fn maps_of_other_sizes_are_refused() {
        let reasons = recognised(None, &outputs(&[64, 16, 5])).err().unwrap();
        assert!(reasons.contains("4 cells at stride 32"), "{reasons}");
    }
}
