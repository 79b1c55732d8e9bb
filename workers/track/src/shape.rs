//! Boxes in the tracker's own units, and how alike two of them are.
//!
//! Lengths are in picture heights on both axes, so that neither the resolution nor the aspect of the
//! picture matters.

use camcount_domain::{BBox, BoxF, FrameSize};

/// A box by its centre and its sides, in picture heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Centre, from the left edge of the picture.
    pub(crate) cx: f64,
    /// Centre, from its top edge.
    pub(crate) cy: f64,
    /// Width.
    pub(crate) w: f64,
    /// Height.
    pub(crate) h: f64,
}

/// Width of the picture in picture heights.
pub(crate) fn aspect(size: FrameSize) -> f64 {
    f64::from(size.width.max(1)) / f64::from(size.height.max(1))
}

impl Shape {
    /// From a detection's box, in a picture of this aspect.
    pub(crate) fn of(bbox: BBox, aspect: f64) -> Self {
        let b = BoxF::from(bbox);
        Self {
            cx: (b.left + b.right) / 2.0 * aspect,
            cy: (b.top + b.bottom) / 2.0,
            w: b.width() * aspect,
            h: b.height(),
        }
    }

    /// Whether it covers any area at all.
    pub(crate) fn is_solid(&self) -> bool {
        self.w > 0.0 && self.h > 0.0
    }

    /// The longer side.
    pub(crate) fn length(&self) -> f64 {
        self.w.max(self.h)
    }

    /// The side of a square of the same area.
    pub(crate) fn size(&self) -> f64 {
        (self.w * self.h).max(0.0).sqrt()
    }

    /// Intersection over union, 0..=1.
    pub(crate) fn iou(&self, other: &Self) -> f64 {
        let across = overlap(self.cx, self.w, other.cx, other.w);
        let down = overlap(self.cy, self.h, other.cy, other.h);
        let shared = across * down;
        let all = self.w * self.h + other.w * other.h - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    /// Distance between the centres.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let (dx, dy) = (self.cx - other.cx, self.cy - other.cy);
        (dx * dx + dy * dy).sqrt()
    }

    /// How alike the sizes are, 0..=1: the product of the ratios of the shorter to the longer sides.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        let ratio = |a: f64, b: f64| if a > 0.0 && b > 0.0 { a.min(b) / a.max(b) } else { 0.0 };
        ratio(self.w, other.w) * ratio(self.h, other.h)
    }
}

/// Length shared by two intervals given by middle and length.
fn overlap(a: f64, a_len: f64, b: f64, b_len: f64) -> f64 {
    let start = (a - a_len / 2.0).max(b - b_len / 2.0);
    let end = (a + a_len / 2.0).min(b + b_len / 2.0);
    (end - start).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_of_half_shifted_squares_is_a_third() {
        let a = Shape { cx: 0.5, cy: 0.5, w: 0.2, h: 0.2 };
        let b = Shape { cx: 0.6, ..a };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(a.iou(&Shape { cx: 0.9, ..a }), 0.0);
        assert!((a.iou(&a) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_picture_twice_as_wide_has_boxes_twice_as_wide() {
        let b = BBox { left: 0, top: 0, right: 1 << 14, bottom: 1 << 14 };
        let shape = Shape::of(b, aspect(FrameSize { width: 200, height: 100 }));
        assert_eq!(shape, Shape { cx: 0.5, cy: 0.25, w: 1.0, h: 0.5 });
    }
}
