//! One-to-one assignment of tracks to detections.

use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};

/// Steps of a likeness of 1: whole numbers make the optimum the same on every machine.
const STEPS: f64 = 1_000_000.0;

/// Pairs each row with at most one column so that the sum of `likeness(row, column)`, rounded to a millionth,
/// is the greatest. Pairs whose likeness is `None` or not above zero are never made.
///
/// Returned in order of rows.
pub(crate) fn assign(
    rows: usize,
    columns: usize,
    likeness: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<(usize, usize)> {
    let mut weights = vec![0_i64; rows * columns];
    for row in 0..rows {
        for column in 0..columns {
            if let Some(alike) = likeness(row, column) {
                weights[row * columns + column] = (alike * STEPS).round().max(0.0) as i64;
            }
        }
    }
    let weight = |row: usize, column: usize| weights[row * columns + column];

    // What nothing is like takes no part; most rows and columns fall away here.
    let wanted_rows: Vec<usize> = (0..rows).filter(|&r| (0..columns).any(|c| weight(r, c) > 0)).collect();
    let wanted_columns: Vec<usize> = (0..columns).filter(|&c| (0..rows).any(|r| weight(r, c) > 0)).collect();
    if wanted_rows.is_empty() {
        return Vec::new();
    }

    // The solver wants no more rows than columns.
    let upright = wanted_rows.len() <= wanted_columns.len();
    let (across, down) =
        if upright { (&wanted_rows, &wanted_columns) } else { (&wanted_columns, &wanted_rows) };
    let matrix = Matrix::from_fn(across.len(), down.len(), |(i, j)| {
        if upright { weight(across[i], down[j]) } else { weight(down[j], across[i]) }
    });
    let (_, chosen) = kuhn_munkres(&matrix);
    let mut pairs: Vec<(usize, usize)> = chosen
        .into_iter()
        .enumerate()
        .map(|(i, j)| if upright { (across[i], down[j]) } else { (down[j], across[i]) })
        .filter(|&(row, column)| weight(row, column) > 0)
        .collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_sum_wins_over_the_best_pair() {
        let table = [[0.9, 0.8], [0.8, 0.1]];
        assert_eq!(assign(2, 2, |r, c| Some(table[r][c])), [(0, 1), (1, 0)]);
    }

    #[test]
    fn more_rows_than_columns_and_what_is_alike_to_nothing() {
        let table = [[None, None], [Some(0.5), None], [Some(0.6), None]];
        assert_eq!(assign(3, 2, |r, c| table[r][c]), [(2, 0)]);
        assert_eq!(assign(0, 2, |_, _| Some(1.0)), []);
        assert_eq!(assign(2, 0, |_, _| Some(1.0)), []);
    }
}
