//! Which counted event is which true one: one-to-one, by time alone.

use std::cmp::Reverse;

/// Pairs events of two lists in order of time, no farther apart than `tolerance_us`: as many pairs as there can be, and
/// of those ways the one whose pairs are closest in sum. The result is sorted, and the same every time.
///
/// On a line an optimal pairing never crosses itself: of two crossed pairs, swapping partners keeps both within the
/// tolerance and is no farther in sum. So comparing beginnings of the two lists finds it (as in aligning texts:
/// Needleman and Wunsch, J. Mol. Biol. 48, 443, 1970).
pub(super) fn pair(truth: &[i64], counted: &[i64], tolerance_us: i64) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < truth.len() && j < counted.len() {
        // What is farther than the tolerance from everything before has no partner there.
        let (mut to_i, mut to_j) = (i, j);
        let mut reach = truth[i].min(counted[j]).saturating_add(tolerance_us);
        loop {
            let next = [truth.get(to_i), counted.get(to_j)].map(|t| t.copied().filter(|t| *t <= reach));
            match next {
                [Some(a), b] if b.is_none_or(|b| a <= b) => {
                    to_i += 1;
                    reach = reach.max(a.saturating_add(tolerance_us));
                }
                [_, Some(b)] => {
                    to_j += 1;
                    reach = reach.max(b.saturating_add(tolerance_us));
                }
                _ => break,
            }
        }
        let near = align(&truth[i..to_i], &counted[j..to_j], tolerance_us);
        pairs.extend(near.into_iter().map(|(a, b)| (i + a, j + b)));
        (i, j) = (to_i, to_j);
    }
    pairs
}

#[derive(Clone, Copy)]
enum Step {
    Pair,
    SkipTruth,
    SkipCounted,
}

fn align(truth: &[i64], counted: &[i64], tolerance_us: i64) -> Vec<(usize, usize)> {
    if truth.is_empty() || counted.is_empty() {
        return Vec::new();
    }
    let columns = counted.len() + 1;
    let mut steps = vec![Step::SkipCounted; truth.len() * columns];
    // From the ends of both lists: how many pairs, and how close in sum.
    let mut below = vec![(0_u32, Reverse(0_i64)); columns];
    for (i, a) in truth.iter().enumerate().rev() {
        let mut row = vec![(0, Reverse(0)); columns];
        steps[i * columns + counted.len()] = Step::SkipTruth;
        for (j, b) in counted.iter().enumerate().rev() {
            let apart = (a - b).abs();
            let (count, Reverse(sum)) = below[j + 1];
            let paired = (apart <= tolerance_us).then_some((count + 1, Reverse(sum + apart)));
            let mut best = (below[j], Step::SkipTruth);
            if row[j + 1] > best.0 {
                best = (row[j + 1], Step::SkipCounted);
            }
            if let Some(paired) = paired.filter(|paired| *paired >= best.0) {
                best = (paired, Step::Pair);
            }
            row[j] = best.0;
            steps[i * columns + j] = best.1;
        }
        below = row;
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < truth.len() && j < counted.len() {
        match steps[i * columns + j] {
            Step::Pair => {
                pairs.push((i, j));
                (i, j) = (i + 1, j + 1);
            }
            Step::SkipTruth => i += 1,
            Step::SkipCounted => j += 1,
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn worth(pairs: &[(usize, usize)], truth: &[i64], counted: &[i64]) -> (usize, i64) {
        (pairs.len(), pairs.iter().map(|(i, j)| (truth[*i] - counted[*j]).abs()).sum())
    }

    /// The best there is, by trying everything.
    fn best(truth: &[i64], counted: &[i64], tolerance_us: i64) -> (usize, Reverse<i64>) {
        let Some((a, rest)) = truth.split_first() else { return (0, Reverse(0)) };
        let mut most = best(rest, counted, tolerance_us);
        for (j, b) in counted.iter().enumerate() {
            let apart = (a - b).abs();
            if apart <= tolerance_us {
                let mut others = counted.to_vec();
                others.remove(j);
                let (count, Reverse(sum)) = best(rest, &others, tolerance_us);
                most = most.max((count + 1, Reverse(sum + apart)));
            }
        }
        most
    }

    #[test]
    fn more_pairs_come_before_closer_ones() {
        // 10 is closest to 11, but then 21 would have nobody.
        assert_eq!(pair(&[0, 10], &[11, 21], 11), [(0, 0), (1, 1)]);
        assert_eq!(pair(&[10], &[0, 11, 30], 15), [(0, 1)]);
        assert_eq!(pair(&[10], &[26], 15), []);
        assert_eq!(pair(&[], &[1], 15), []);
    }

    fn times(most: usize) -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(0_i64..200, 0..most).prop_map(|mut times| {
            times.sort_unstable();
            times
        })
    }

    proptest! {
        #[test]
        fn nobody_is_paired_twice_or_too_far(truth in times(60), counted in times(60), tolerance in 0_i64..30) {
            let pairs = pair(&truth, &counted, tolerance);
            let (left, right): (BTreeSet<_>, BTreeSet<_>) = pairs.iter().copied().unzip();
            prop_assert_eq!((left.len(), right.len()), (pairs.len(), pairs.len()));
            prop_assert!(pairs.iter().all(|(i, j)| (truth[*i] - counted[*j]).abs() <= tolerance));
        }

        #[test]
        fn neither_list_is_favoured(truth in times(60), counted in times(60), tolerance in 0_i64..30) {
            let there = pair(&truth, &counted, tolerance);
            let back = pair(&counted, &truth, tolerance);
            prop_assert_eq!(worth(&there, &truth, &counted), worth(&back, &counted, &truth));
        }

        #[test]
        fn no_other_way_is_better(truth in times(6), counted in times(6), tolerance in 0_i64..60) {
            let (count, sum) = worth(&pair(&truth, &counted, tolerance), &truth, &counted);
            prop_assert_eq!((count, Reverse(sum)), best(&truth, &counted, tolerance));
        }
    }
}
