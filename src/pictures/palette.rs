//! Colours that people tell apart whatever their eyes.

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

/// The palette of Okabe and Ito, "Color Universal Design" (2008), made for every common kind of colour blindness;
/// see also Wong, Nature Methods 8, 441 (2011).
const ORANGE: Rgb = [0xE6, 0x9F, 0x00];
const SKY_BLUE: Rgb = [0x56, 0xB4, 0xE9];
const BLUISH_GREEN: Rgb = [0x00, 0x9E, 0x73];
const YELLOW: Rgb = [0xF0, 0xE4, 0x42];
const BLUE: Rgb = [0x00, 0x72, 0xB2];
const VERMILLION: Rgb = [0xD5, 0x5E, 0x00];
const REDDISH_PURPLE: Rgb = [0xCC, 0x79, 0xA7];

/// Crossings inwards, in a plot.
pub(super) const IN: Rgb = BLUE;
/// Crossings outwards, in a plot.
pub(super) const OUT: Rgb = ORANGE;
/// Text and axes on paper, plates on footage.
pub(super) const DARK: Rgb = [0x1E, 0x22, 0x27];
/// Second-rank text on paper.
pub(super) const GREY: Rgb = [0x6B, 0x72, 0x7A];
/// What nobody saw.
pub(super) const UNKNOWN: Rgb = [0xB8, 0xBD, 0xC3];
/// Grids.
pub(super) const FAINT: Rgb = [0xE3, 0xE6, 0xE9];
/// Paper, and text on plates.
pub(super) const WHITE: Rgb = [0xFF; 3];
/// Boxes, and the ways that objects came.
pub(super) const OBJECT: Rgb = YELLOW;

/// The colour of the rule with this number, lines first and zones after them.
pub(super) fn rule(number: usize) -> Rgb {
    const RULES: [Rgb; 6] = [VERMILLION, SKY_BLUE, BLUISH_GREEN, REDDISH_PURPLE, ORANGE, BLUE];
    RULES[number % RULES.len()]
}

/// Black or white, whichever is read more easily on `plate`.
pub(super) fn text_on(plate: Rgb) -> Rgb {
    // The luma of ITU-R BT.601.
    let luma = 0.299 * f32::from(plate[0]) + 0.587 * f32::from(plate[1]) + 0.114 * f32::from(plate[2]);
    if luma > 140.0 { DARK } else { WHITE }
}

/// A colour for a share 0..=1: darker is less, in grey too. The anchors are of "inferno", by van der Walt and Smith
/// for Matplotlib (CC0).
pub(super) fn heat(share: f32) -> Rgb {
    const ANCHORS: [Rgb; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
    let place = share.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f32;
    let below = (place as usize).min(ANCHORS.len() - 2);
    let between = place - below as f32;
    std::array::from_fn(|i| {
        let (a, b) = (f32::from(ANCHORS[below][i]), f32::from(ANCHORS[below + 1][i]));
        (a + (b - a) * between).round() as u8
    })
}
