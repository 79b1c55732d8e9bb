//! How the light of a frame differs from that of its backdrop.

/// A straight line from the backdrop's levels to the frame's: exposure and contrast changed for all pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Light {
    /// The backdrop's level at which `offset` holds.
    pivot: i32,
    /// What is added at the pivot.
    offset: i32,
    /// What is added for every level above it, in 1/1024.
    slope: i32,
}

/// Dark and bright pixels must lie at least so many levels apart for a slope to mean anything.
const LEVELS_APART: i32 = 16;

/// The slope, at most: contrast halved or half as much again, in 1/1024.
const STEEPEST: i32 = 512;

impl Light {
    /// Robust: the backdrop's darker and brighter halves each give the median of their pixels' changes,
    /// which nothing alters that covers less than half of either.
    pub(super) fn between(frame: &[u8], backdrop: &[u8]) -> Self {
        let mut levels = [0_usize; 256];
        for level in backdrop {
            levels[usize::from(*level)] += 1;
        }
        let mut below = 0;
        let split = levels.iter().position(|count| {
            below += count;
            2 * below > backdrop.len()
        });
        let split = split.unwrap_or(0);

        // Histograms of level and change, for both halves; a change of -255 is at 0.
        let mut halves = [Half::default(), Half::default()];
        for (seen, usual) in frame.iter().zip(backdrop) {
            let half = &mut halves[usize::from(usize::from(*usual) >= split)];
            half.pixels += 1;
            half.levels += usize::from(*usual);
            half.changes[usize::from(*seen) + 255 - usize::from(*usual)] += 1;
        }
        let [dark, bright] = halves;
        let apart = bright.level() - dark.level();
        // A half that is a sliver is no witness.
        let slivers = 8 * dark.pixels.min(bright.pixels) < backdrop.len();
        if apart < LEVELS_APART || slivers {
            let mut all = bright;
            all.pixels += dark.pixels;
            for (sum, count) in all.changes.iter_mut().zip(dark.changes) {
                *sum += count;
            }
            return Self { pivot: 0, offset: all.change(), slope: 0 };
        }
        let slope = ((bright.change() - dark.change()) * 1024 / apart).clamp(-STEEPEST, STEEPEST);
        Self { pivot: dark.level(), offset: dark.change(), slope }
    }

    /// What the backdrop's `level` looks like in this light.
    pub(super) fn expected(self, level: u8) -> u8 {
        let level = i32::from(level);
        let change = self.offset + (((level - self.pivot) * self.slope) >> 10);
        (level + change).clamp(0, 255) as u8
    }
}

struct Half {
    pixels: usize,
    levels: usize,
    changes: [usize; 511],
}

impl Default for Half {
    fn default() -> Self {
        Self { pixels: 0, levels: 0, changes: [0; 511] }
    }
}

impl Half {
    /// The mean level of the backdrop.
    fn level(&self) -> i32 {
        (self.levels / self.pixels.max(1)) as i32
    }

    /// The median change.
    fn change(&self) -> i32 {
        let mut below = 0;
        let at = self.changes.iter().position(|count| {
            below += count;
            2 * below > self.pixels
        });
        at.map_or(0, |at| at as i32 - 255)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_and_offset_are_seen_behind_objects() {
        let backdrop: Vec<u8> = (0..10_000_u32).map(|i| 40 + (i * 7919 % 140) as u8).collect();
        let mut frame: Vec<u8> =
            backdrop.iter().map(|level| (f32::from(*level) * 1.2 - 10.0) as u8).collect();
        frame[..3000].fill(250);
        let light = Light::between(&frame, &backdrop);
        for level in [40, 90, 170] {
            let wanted = f32::from(level) * 1.2 - 10.0;
            assert!((f32::from(light.expected(level)) - wanted).abs() < 3.0, "{level}: {light:?}");
        }
    }

    #[test]
    fn flat_scenes_have_an_offset() {
        let light = Light::between(&[57; 100], &[50; 100]);
        assert_eq!((light.expected(50), light.expected(100)), (57, 107));
        assert_eq!(Light::between(&[], &[]).expected(9), 9);
    }
}
