//! Anti-aliased shapes on an RGB picture. Only arithmetic that IEEE 754 defines to the last bit (no sine, no
//! power), so that a scene has the same pixels on every machine.

/// Red, green, blue, 0..=255.
pub(super) type Rgb = [f32; 3];

/// A point in canvas units; the canvas scales them to pixels.
pub(super) type At = (f32, f32);

/// `colour` with its brightness multiplied.
pub(super) fn dim(colour: Rgb, by: f32) -> Rgb {
    colour.map(|c| (c * by).min(255.0))
}

/// From `a` (share 0) to `b` (share 1).
pub(super) fn blend(a: Rgb, b: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

/// A number in 0..1 that looks random but follows from `x`, `y` and `seed`.
pub(super) fn scatter(x: i32, y: i32, seed: u32) -> f32 {
    // Multiply, shift and xor as in MurmurHash3's finaliser, whose constants these are.
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca6b) ^ seed;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    ((h ^ (h >> 16)) >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise in 0..1 with features one unit wide.
pub(super) fn cloud(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(x - x0), ease(y - y0));
    let (ix, iy) = (x0 as i32, y0 as i32);
    let row = |iy| {
        let (a, b) = (scatter(ix, iy, seed), scatter(ix + 1, iy, seed));
        a + (b - a) * tx
    };
    let (top, bottom) = (row(iy), row(iy + 1));
    top + (bottom - top) * ty
}

/// A picture being drawn on.
pub(super) struct Canvas<'p> {
    pub(super) pixels: &'p mut [u8],
    pub(super) width: usize,
    pub(super) height: usize,
    /// Pixels per canvas unit.
    pub(super) scale: f32,
}

impl Canvas<'_> {
    /// Lays `colour` over every point of `area` (left, top, right, bottom) by `alpha` times how much of it lies
    /// inside the shape, of which `distance` gives the distance to its edge in canvas units, inside negative.
    fn fill(&mut self, area: [f32; 4], colour: Rgb, alpha: f32, distance: impl Fn(At) -> f32) {
        let scale = self.scale;
        let clip = |v: f32, most: usize| v.clamp(0.0, most as f32) as usize;
        let columns = clip((area[0] * scale).floor() - 1.0, self.width)
            ..clip((area[2] * scale).ceil() + 1.0, self.width);
        let rows = clip((area[1] * scale).floor() - 1.0, self.height)
            ..clip((area[3] * scale).ceil() + 1.0, self.height);
        for row in rows {
            let line = &mut self.pixels[row * self.width * 3..(row + 1) * self.width * 3];
            for column in columns.clone() {
                let at = ((column as f32 + 0.5) / scale, (row as f32 + 0.5) / scale);
                let cover = (0.5 - distance(at) * scale).clamp(0.0, 1.0) * alpha;
                if cover > 0.0 {
                    for (pixel, wanted) in line[column * 3..column * 3 + 3].iter_mut().zip(colour) {
                        let under = f32::from(*pixel);
                        *pixel = (under + (wanted - under) * cover).round() as u8;
                    }
                }
            }
        }
    }

    /// An ellipse around `centre`.
    pub(super) fn ellipse(&mut self, centre: At, radii: At, colour: Rgb) {
        self.veil(centre, radii, colour, 1.0, false);
    }

    /// A translucent ellipse; `soft` ones fade from the middle to the edge.
    pub(super) fn veil(&mut self, centre: At, radii: At, colour: Rgb, alpha: f32, soft: bool) {
        let (cx, cy) = centre;
        let (rx, ry) = (radii.0.max(0.05), radii.1.max(0.05));
        let fade = 1.0 / self.scale;
        self.fill([cx - rx, cy - ry, cx + rx, cy + ry], colour, alpha, |(x, y)| {
            let (u, v) = ((x - cx) / rx, (y - cy) / ry);
            let reach = u * u + v * v;
            if soft {
                return (reach - 0.5) * fade;
            }
            // Value over gradient: exact on the edge, good near it.
            let slope = 2.0 * ((u / rx) * (u / rx) + (v / ry) * (v / ry)).sqrt();
            if slope > 0.0 { (reach - 1.0) / slope } else { -1.0 }
        });
    }

    /// A rounded bar from `a` with radius `ra` to `b` with radius `rb`.
    pub(super) fn limb(&mut self, a: At, b: At, (ra, rb): (f32, f32), colour: Rgb) {
        let reach = ra.max(rb);
        let area = [a.0.min(b.0) - reach, a.1.min(b.1) - reach, a.0.max(b.0) + reach, a.1.max(b.1) + reach];
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let square = (dx * dx + dy * dy).max(1e-6);
        self.fill(area, colour, 1.0, |(x, y)| {
            let share = (((x - a.0) * dx + (y - a.1) * dy) / square).clamp(0.0, 1.0);
            let (u, v) = (x - a.0 - dx * share, y - a.1 - dy * share);
            (u * u + v * v).sqrt() - (ra + (rb - ra) * share)
        });
    }

    /// A convex polygon, corners in either order.
    pub(super) fn convex(&mut self, corners: &[At], colour: Rgb) {
        let mut area = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for &(x, y) in corners {
            area = [area[0].min(x), area[1].min(y), area[2].max(x), area[3].max(y)];
        }
        let sides = || corners.iter().zip(corners.iter().cycle().skip(1));
        let winding: f32 = sides().map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        let outwards = if winding < 0.0 { -1.0 } else { 1.0 };
        self.fill(area, colour, 1.0, |(x, y)| {
            let beyond = sides().map(|(a, b)| {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let length = (dx * dx + dy * dy).sqrt().max(1e-6);
                ((x - a.0) * dy - (y - a.1) * dx) / length * outwards
            });
            beyond.fold(f32::MIN, f32::max)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(draw: impl Fn(&mut Canvas<'_>)) -> f32 {
        let mut pixels = vec![0; 40 * 40 * 3];
        draw(&mut Canvas { pixels: &mut pixels, width: 40, height: 40, scale: 2.0 });
        pixels.iter().map(|p| f32::from(*p)).sum::<f32>() / 255.0 / 3.0
    }

    #[test]
    fn shapes_cover_their_areas() {
        let white = [255.0; 3];
        // Areas in canvas units, times the four pixels of a square unit.
        let close = |got: f32, area: f32| (got - area * 4.0).abs() < area * 4.0 * 0.03;
        assert!(close(sum(|c| c.ellipse((10.0, 10.0), (6.0, 4.0), white)), 75.4));
        let triangle = [(2.0, 2.0), (18.0, 2.0), (2.0, 14.0)];
        assert!(close(sum(|c| c.convex(&triangle, white)), 96.0));
        let turned = [(2.0, 2.0), (2.0, 14.0), (18.0, 2.0)];
        assert!(close(sum(|c| c.convex(&turned, white)), 96.0));
        assert!(close(sum(|c| c.limb((5.0, 10.0), (15.0, 10.0), (2.0, 2.0), white)), 52.6));
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        assert_eq!(sum(|c| c.ellipse((-30.0, 90.0), (6.0, 4.0), [255.0; 3])), 0.0);
        assert_eq!(sum(|c| c.convex(&[(50.0, 1.0), (60.0, 1.0), (60.0, 9.0)], [255.0; 3])), 0.0);
    }

    #[test]
    fn noise_is_even() {
        let mean = (0..10_000).map(|i| scatter(i, i / 7, 5)).sum::<f32>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!((cloud(3.0, 4.0, 1) - scatter(3, 4, 1)).abs() < 1e-6);
    }
}
