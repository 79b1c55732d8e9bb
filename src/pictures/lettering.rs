//! Text as outlines, in Noto Sans (SIL Open Font License 1.1).

use anyhow::{Context, Result};
use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::canvas::At;

/// How thick strokes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The typeface.
pub(super) struct Lettering {
    regular: Face<'static>,
    bold: Face<'static>,
}

impl Lettering {
    /// Height of a capital in ems, as the typeface says.
    pub(super) const CAPITAL: f32 = 0.714;

    pub(super) fn new() -> Result<Self> {
        let face = |bytes| Face::parse(bytes, 0).context("the built-in typeface is damaged");
        Ok(Self { regular: face(notosans::REGULAR_TTF)?, bold: face(notosans::BOLD_TTF)? })
    }

    fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// The width of a text, of `size` pixels an em.
    pub(super) fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let face = self.face(weight);
        let units: u32 = glyphs(face, text).map(|(_, advance)| u32::from(advance)).sum();
        units as f32 * size / f32::from(face.units_per_em())
    }

    /// The outlines of a text whose baseline starts at `at`; `None` when nothing of it is visible.
    pub(super) fn outline(&self, text: &str, size: f32, weight: Weight, at: At) -> Option<Path> {
        let face = self.face(weight);
        let scale = size / f32::from(face.units_per_em());
        let mut pen = Pen { path: PathBuilder::new(), at, scale };
        for (glyph, advance) in glyphs(face, text) {
            face.outline_glyph(glyph, &mut pen);
            pen.at.0 += f32::from(advance) * scale;
        }
        pen.path.finish()
    }
}

/// Glyphs and their advances. What the typeface lacks is its empty box.
fn glyphs(face: &Face<'static>, text: &str) -> impl Iterator<Item = (GlyphId, u16)> {
    text.chars().map(|letter| {
        let glyph = face.glyph_index(letter).unwrap_or_default();
        (glyph, face.glyph_hor_advance(glyph).unwrap_or_default())
    })
}

/// Carries outlines over, from units that grow upwards to pixels that grow downwards.
struct Pen {
    path: PathBuilder,
    at: At,
    scale: f32,
}

impl Pen {
    fn put(&self, x: f32, y: f32) -> At {
        (self.at.0 + x * self.scale, self.at.1 - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.put(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.put(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.put(x1, y1), self.put(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.put(x1, y1), self.put(x2, y2), self.put(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
