//! Cast shadows: darker than usual, but evenly so, since the ground shows through.

use super::{Scene, light::Light, mask::CONTRAST_ONE};

/// Shadows take away up to half of the light, and less than a twentieth is none; in 1/256.
const SHADE: std::ops::RangeInclusive<i32> = 130..=245;

/// How far the light may vary between a pixel of shade and its eight neighbours, on average, in 1/256. Soft
/// shadows and asphalt stay below; clothes, panes and the edges of anything do not. (At 6, people of
/// PETS09-S2L1 gain 3 percent of recall and nothing else is lost; from 8 on, dark cars fall apart.)
const UNEVENNESS: i32 = 6;

/// Takes the contrast from all shaded pixels.
pub(super) fn lift(scene: &Scene, light: Light, width: usize, contrast: &mut [u16]) {
    let expected: [i32; 256] = std::array::from_fn(|level| i32::from(light.expected(level as u8)).max(8));
    let pixels = scene.frame.iter().zip(&scene.median);
    let shares: Vec<i32> =
        pixels.map(|(seen, usual)| i32::from(*seen) * 256 / expected[usize::from(*usual)]).collect();
    // At the left and right edge the neighbours are those of the other edge, which are hardly even.
    let rows = shares.windows(2 * width + 3).zip(width + 1..);
    for (around, at) in rows {
        let share = shares[at];
        if contrast[at] <= CONTRAST_ONE || !SHADE.contains(&share) {
            continue;
        }
        let row = |y: usize| &around[y * width..y * width + 3];
        let varies: i32 = (0..3).flat_map(row).map(|near| (near - share).abs()).sum();
        if varies <= 8 * UNEVENNESS {
            contrast[at] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_shade_is_lifted_and_clothes_are_not() {
        let (width, height) = (9, 7);
        let median = vec![100; width * height];
        let scene = |frame: Vec<u8>| Scene { frame, median: median.clone(), noise: vec![0; width * height] };
        let light = Light::between(&median, &median);
        let lifted = |frame: Vec<u8>| {
            let mut contrast = vec![2 * CONTRAST_ONE; width * height];
            lift(&scene(frame), light, width, &mut contrast);
            contrast.iter().filter(|contrast| **contrast == 0).count()
        };
        assert_eq!(lifted(vec![70; width * height]), width * height - 2 * (width + 1));
        assert_eq!(lifted(vec![30; width * height]), 0, "darker than any shadow");
        assert_eq!(lifted((0..width * height).map(|at| 60 + (at % 3) as u8 * 10).collect()), 0, "a pattern");
    }
}
