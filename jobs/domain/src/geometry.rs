//! Points, segments and polygons in normalised image coordinates: 0..1, origin top left, y downwards.
//!
//! Only additions, multiplications and divisions: the same bits on every machine that follows IEEE 754.

use serde::{Deserialize, Serialize};

/// A point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Point {
    /// 0 at the left edge, 1 at the right.
    pub x: f64,
    /// 0 at the top edge, 1 at the bottom.
    pub y: f64,
}

impl From<[f64; 2]> for Point {
    fn from([x, y]: [f64; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Point> for [f64; 2] {
    fn from(p: Point) -> Self {
        [p.x, p.y]
    }
}

/// The z component of (b - a) × (p - a). With y downwards it is positive when `p` lies to the right of the
/// way from `a` to `b` as seen on screen, and negative to its left.
#[must_use]
pub fn cross(a: Point, b: Point, p: Point) -> f64 {
    (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
}

/// Where the walk from `p` to `q` meets the segment from `a` to `b`, ends included: the share of the walk
/// done, 0..=1. `None` where they do not meet or are parallel.
#[must_use]
pub fn intersection(p: Point, q: Point, a: Point, b: Point) -> Option<f64> {
    let (before, after) = (cross(a, b, p), cross(a, b, q));
    let turn = before - after;
    if turn == 0.0 || before * after > 0.0 {
        return None;
    }
    if cross(p, q, a) * cross(p, q, b) > 0.0 {
        return None;
    }
    Some(before / turn)
}

/// A closed polygon, its last point joined to its first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polygon(pub Vec<Point>);

impl Polygon {
    /// The sides, in order.
    pub fn sides(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        self.0.iter().zip(self.0.iter().cycle().skip(1)).map(|(a, b)| (*a, *b))
    }

    /// Whether `p` lies inside, by the even-odd rule; a side belongs to one of the two regions it parts.
    #[must_use]
    pub fn contains(&self, p: Point) -> bool {
        self.sides().fold(false, |inside, (a, b)| {
            let spans = (a.y > p.y) != (b.y > p.y);
            if spans && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) { !inside } else { inside }
        })
    }

    /// Twice the signed area; zero for a degenerate polygon.
    #[must_use]
    pub fn doubled_area(&self) -> f64 {
        self.sides().map(|(a, b)| a.x * b.y - b.x * a.y).sum()
    }

    /// The first two sides (by index) that touch or cross although they are no neighbours.
    #[must_use]
    pub fn self_crossing(&self) -> Option<(usize, usize)> {
        let sides: Vec<_> = self.sides().collect();
        let n = sides.len();
        (0..n).flat_map(|i| (i + 2..n).map(move |j| (i, j))).find(|&(i, j)| {
            let neighbours = i == 0 && j == n - 1;
            !neighbours && intersection(sides[i].0, sides[i].1, sides[j].0, sides[j].1).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    #[test]
    fn walking_down_over_a_line_drawn_to_the_right_goes_from_left_to_right() {
        let (a, b) = (p(0.0, 0.5), p(1.0, 0.5));
        assert!(cross(a, b, p(0.5, 0.2)) < 0.0, "above is left");
        assert!(cross(a, b, p(0.5, 0.8)) > 0.0, "below is right");
    }

    #[test]
    fn walking_round_the_end_meets_nothing() {
        let (a, b) = (p(0.4, 0.5), p(0.6, 0.5));
        assert_eq!(intersection(p(0.5, 0.4), p(0.5, 0.6), a, b), Some(0.5));
        assert_eq!(intersection(p(0.7, 0.4), p(0.7, 0.6), a, b), None);
        assert_eq!(intersection(p(0.1, 0.5), p(0.9, 0.5), a, b), None, "parallel");
    }

    #[test]
    fn polygons_know_their_inside_and_their_knots() {
        let square = Polygon(vec![p(0.2, 0.2), p(0.8, 0.2), p(0.8, 0.8), p(0.2, 0.8)]);
        assert!(square.contains(p(0.5, 0.5)) && !square.contains(p(0.9, 0.5)));
        assert_eq!(square.self_crossing(), None);
        let bow = Polygon(vec![p(0.2, 0.2), p(0.8, 0.8), p(0.8, 0.2), p(0.2, 0.8)]);
        assert_eq!(bow.self_crossing(), Some((0, 2)));
    }
}
