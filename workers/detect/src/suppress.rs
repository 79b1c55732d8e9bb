//! Of many boxes for one object, keeps the best. Whole numbers and a total order only: the outcome does not
//! depend on the order in which a model lists its boxes.

use camcount_domain::{BBox, Detection};

use crate::classes::Family;

/// A share in ten-thousandths.
const WHOLE: i64 = 10_000;

/// Wagons and cycles are told apart well, unless their boxes are all but the same.
pub(crate) const ACROSS_FAMILIES: i64 = 8_000;

/// Most detections of one frame; COCO's evaluation takes 100, crowds have more.
pub(crate) const MOST: usize = 300;

/// Keeps the surest of all boxes that overlap too much (greedy non-maximum suppression): by more than
/// `overlap` ten-thousandths of their union within a class or a family, by more than [`ACROSS_FAMILIES`]
/// between wagons and cycles, and never between others. Surest first.
pub(crate) fn suppress(mut found: Vec<Detection>, families: &[Family], overlap: i64) -> Vec<Detection> {
    found.sort_unstable_by_key(|d| {
        let BBox { left, top, right, bottom } = d.bbox;
        (std::cmp::Reverse(d.confidence), d.class, left, top, right, bottom)
    });
    let family = |class: u16| families.get(usize::from(class)).copied().unwrap_or(Family::Alone);
    let allowed = |a: u16, b: u16| match (family(a), family(b)) {
        _ if a == b => Some(overlap),
        (Family::Alone, _) | (_, Family::Alone) => None,
        (a, b) if a == b => Some(overlap),
        _ => Some(ACROSS_FAMILIES),
    };
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in found {
        if kept.len() == MOST {
            break;
        }
        let doubled = kept.iter().any(|better| {
            allowed(better.class, candidate.class)
                .is_some_and(|allowed| overlaps_more(better.bbox, candidate.bbox, allowed))
        });
        if !doubled {
            kept.push(candidate);
        }
    }
    kept
}

/// Whether the shared area is more than `share` ten-thousandths of the joint one.
fn overlaps_more(a: BBox, b: BBox, share: i64) -> bool {
    let width = i64::from(a.right.min(b.right)) - i64::from(a.left.max(b.left));
    let height = i64::from(a.bottom.min(b.bottom)) - i64::from(a.top.max(b.top));
    if width <= 0 || height <= 0 {
        return false;
    }
    let shared = width * height;
    shared * WHOLE > share * (area(a) + area(b) - shared)
}

fn area(b: BBox) -> i64 {
    i64::from(b.right - b.left) * i64::from(b.bottom - b.top)
}

#[cfg(test)]
mod tests {
    use camcount_domain::Confidence;

    use super::*;

    const FAMILIES: [Family; 4] = [Family::Alone, Family::Wagons, Family::Wagons, Family::Cycles];
    const PERSON: u16 = 0;
    const CAR: u16 = 1;
    const TRUCK: u16 = 2;
    const CYCLE: u16 = 3;

    fn seen(class: u16, left: i32, width: i32, confidence: u16) -> Detection {
        let bbox = BBox { left, top: 0, right: left + width, bottom: 100 };
        Detection { bbox, class, confidence: Confidence(confidence) }
    }

    fn classes(found: Vec<Detection>) -> Vec<u16> {
        suppress(found, &FAMILIES, 6_000).iter().map(|d| d.class).collect()
    }

    #[test]
    fn one_vehicle_is_not_a_car_and_a_truck() {
        assert_eq!(classes(vec![seen(CAR, 0, 100, 5000), seen(TRUCK, 10, 100, 6000)]), [TRUCK]);
        assert_eq!(classes(vec![seen(CAR, 0, 100, 5000), seen(TRUCK, 40, 100, 6000)]), [TRUCK, CAR]);
    }

    #[test]
    fn a_rider_stays_beside_the_cycle() {
        assert_eq!(classes(vec![seen(PERSON, 0, 100, 5000), seen(CYCLE, 0, 100, 6000)]), [CYCLE, PERSON]);
        assert_eq!(classes(vec![seen(CAR, 0, 100, 5000), seen(CYCLE, 5, 100, 6000)]), [CYCLE]);
        assert_eq!(classes(vec![seen(CAR, 0, 100, 5000), seen(CYCLE, 20, 100, 6000)]), [CYCLE, CAR]);
    }

    #[test]
    fn order_changes_nothing() {
        let mut found: Vec<_> =
            (0..40).map(|i| seen(CAR + (i % 2) as u16, (i * 37) % 90, 80, 5000)).collect();
        let kept = suppress(found.clone(), &FAMILIES, 6_000);
        for turn in 1..40 {
            found.rotate_left(turn);
            assert_eq!(suppress(found.clone(), &FAMILIES, 6_000), kept);
        }
    }
}
