//! What everything is drawn on: shapes and text, anti-aliased, in pixels.

use anyhow::{Context, Result};
use camcount_domain::FrameSize;
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    Transform,
};

use super::{
    lettering::{Lettering, Weight},
    palette::Rgb,
};

/// A point in pixels.
pub(super) type At = (f32, f32);

/// Left, top, right, bottom in pixels.
pub(super) type Area = [f32; 4];

/// Whether two areas share a point.
pub(super) fn overlap(a: Area, b: Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Which point of a text is placed; vertically it is always the middle of its capitals.
#[derive(Clone, Copy, Debug)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Pixels of an em.
    pub size: f32,
    pub weight: Weight,
    pub colour: Rgb,
}

/// A picture being drawn on.
pub(super) struct Canvas {
    pixels: Pixmap,
    lettering: Lettering,
}

impl Canvas {
    /// One of `size`, filled with `colour`.
    pub(super) fn new(size: FrameSize, colour: Rgb) -> Result<Self> {
        let mut pixels = Pixmap::new(size.width, size.height)
            .with_context(|| format!("no picture is {}x{} pixels", size.width, size.height))?;
        pixels.fill(Color::from_rgba8(colour[0], colour[1], colour[2], 255));
        Ok(Self { pixels, lettering: Lettering::new()? })
    }

    /// Begins anew on a picture of the same size: three bytes a pixel.
    pub(super) fn load(&mut self, rgb: &[u8]) {
        let pixels = self.pixels.data_mut().as_chunks_mut::<4>().0;
        for (pixel, [red, green, blue]) in pixels.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *pixel = [*red, *green, *blue, 255];
        }
    }

    /// The picture, three bytes a pixel. Everything is drawn on opaque ground, so it is opaque.
    pub(super) fn rgb_into(&self, rgb: &mut Vec<u8>) {
        rgb.resize(self.pixels.data().len() / 4 * 3, 0);
        let pixels = self.pixels.data().as_chunks::<4>().0;
        for (rgb, [red, green, blue, _]) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            *rgb = [*red, *green, *blue];
        }
    }

    /// The picture as a PNG file's bytes.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        self.pixels.encode_png().context("the picture cannot be written as PNG")
    }

    pub(super) fn size(&self) -> (f32, f32) {
        (self.pixels.width() as f32, self.pixels.height() as f32)
    }

    /// Lays colours over every pixel: `over` gives one and its opacity for the pixel's column and row.
    pub(super) fn tint(&mut self, over: impl Fn(u32, u32) -> (Rgb, f32)) {
        let width = self.pixels.width();
        for (n, pixel) in (0..).zip(self.pixels.pixels_mut()) {
            let (colour, alpha) = over(n % width, n / width);
            let mix = |under: u8, over: u8| {
                (f32::from(under) + (f32::from(over) - f32::from(under)) * alpha.clamp(0.0, 1.0)).round()
                    as u8
            };
            let (r, g, b) =
                (mix(pixel.red(), colour[0]), mix(pixel.green(), colour[1]), mix(pixel.blue(), colour[2]));
            if let Some(mixed) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
                *pixel = mixed;
            }
        }
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[At], colour: Rgb, alpha: f32) {
        if let Some(path) = path(points, true) {
            self.pixels.fill_path(
                &path,
                &paint(colour, alpha),
                FillRule::EvenOdd,
                Transform::identity(),
                None,
            );
        }
    }

    /// A filled rectangle.
    pub(super) fn area(&mut self, [left, top, right, bottom]: Area, colour: Rgb, alpha: f32) {
        if let Some(rect) = Rect::from_ltrb(left, top, right, bottom) {
            self.pixels.fill_rect(rect, &paint(colour, alpha), Transform::identity(), None);
        }
    }

    /// A line through points, rounded at its ends.
    pub(super) fn line(&mut self, points: &[At], width: f32, colour: Rgb, alpha: f32) {
        self.stroke(path(points, false), width, LineCap::Round, colour, alpha);
    }

    /// A line through points, cut off at its ends, so that translucent pieces join.
    pub(super) fn piece(&mut self, points: &[At], width: f32, colour: Rgb, alpha: f32) {
        self.stroke(path(points, false), width, LineCap::Butt, colour, alpha);
    }

    /// The outline of a polygon.
    pub(super) fn outline(&mut self, points: &[At], width: f32, colour: Rgb, alpha: f32) {
        self.stroke(path(points, true), width, LineCap::Butt, colour, alpha);
    }

    fn stroke(&mut self, path: Option<Path>, width: f32, line_cap: LineCap, colour: Rgb, alpha: f32) {
        let stroke = Stroke { width, line_cap, line_join: LineJoin::Round, ..Stroke::default() };
        if let Some(path) = path {
            self.pixels.stroke_path(&path, &paint(colour, alpha), &stroke, Transform::identity(), None);
        }
    }

    /// Slanted lines over an area.
    pub(super) fn hatch(&mut self, [left, top, right, bottom]: Area, step: f32, colour: Rgb, alpha: f32) {
        let mut all = PathBuilder::new();
        // Along x - y = offset, the same offsets everywhere, so that neighbours join.
        let mut offset = ((left - bottom) / step).floor() * step;
        while offset < right - top {
            let (x0, x1) = (left.max(offset + top), right.min(offset + bottom));
            if x0 < x1 {
                all.move_to(x0, x0 - offset);
                all.line_to(x1, x1 - offset);
            }
            offset += step;
        }
        self.stroke(all.finish(), step * 0.22, LineCap::Butt, colour, alpha);
    }

    /// How wide a text is, in pixels.
    pub(super) fn width_of(&self, text: &str, size: f32, weight: Weight) -> f32 {
        self.lettering.width(text, size, weight)
    }

    /// As much of a text as fits into `most` pixels, with an ellipsis for the rest.
    pub(super) fn fitted(&self, text: &str, size: f32, weight: Weight, most: f32) -> String {
        let fits = |text: &str| self.width_of(text, size, weight) <= most;
        let mut letters: Vec<char> = text.chars().collect();
        let mut fitted = text.to_owned();
        while !fits(&fitted) && letters.pop().is_some() {
            fitted = letters.iter().chain(['…'].iter()).collect();
        }
        fitted
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str, at: At, align: Align, style: Style) {
        let Style { size, weight, colour } = style;
        let shift = match align {
            Align::Left => 0.0,
            Align::Centre => 0.5,
            Align::Right => 1.0,
        } * self.width_of(text, size, weight);
        let baseline = at.1 + Lettering::CAPITAL * size / 2.0;
        if let Some(path) = self.lettering.outline(text, size, weight, (at.0 - shift, baseline)) {
            let paint = paint(colour, 1.0);
            self.pixels.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
    }

    /// The area that [`Canvas::plate`] would take with its middle at `at`.
    pub(super) fn plate_area(&self, text: &str, at: At, size: f32, weight: Weight) -> Area {
        let (half_width, half_height) = (self.width_of(text, size, weight) / 2.0 + size * 0.35, size * 0.66);
        [at.0 - half_width, at.1 - half_height, at.0 + half_width, at.1 + half_height]
    }

    /// A text on a plate, with its middle at `at`.
    pub(super) fn plate(&mut self, text: &str, at: At, style: Style, (colour, alpha): (Rgb, f32)) {
        let area = self.plate_area(text, at, style.size, style.weight);
        self.area(area, colour, alpha);
        self.text(text, at, Align::Centre, style);
    }
}

fn path(points: &[At], closed: bool) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.0, first.1);
    for point in rest {
        path.line_to(point.0, point.1);
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn paint(colour: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let alpha = (alpha.clamp(0.0, 1.0) * 255.0).round() as u8;
    paint.set_color_rgba8(colour[0], colour[1], colour[2], alpha);
    paint
}
