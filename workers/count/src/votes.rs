//! What an object is: the detector's words for it, weighed by how sure it was.

use camcount_domain::Confidence;
use serde::{Deserialize, Serialize};

/// What was said for one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Tally {
    class: u16,
    /// Sum of confidences.
    weight: u64,
    count: u64,
}

/// The votes so far, in order of class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Votes(Vec<Tally>);

impl Votes {
    /// One more look at the object.
    pub(crate) fn add(&mut self, class: u16, confidence: Confidence) {
        let weight = u64::from(confidence.0);
        match self.0.binary_search_by_key(&class, |t| t.class) {
            Ok(at) => {
                self.0[at].weight += weight;
                self.0[at].count += 1;
            }
            Err(at) => self.0.insert(at, Tally { class, weight, count: 1 }),
        }
    }

    /// The class with the greatest weight, of equals the first, and the mean confidence of its votes. Without any
    /// votes, class 0 with none.
    pub(crate) fn winner(&self) -> (u16, Confidence) {
        let best = self.0.iter().rev().max_by_key(|t| t.weight);
        best.map_or((0, Confidence(0)), |t| {
            let mean = (t.weight + t.count / 2) / t.count.max(1);
            (t.class, Confidence(u16::try_from(mean).unwrap_or(u16::MAX)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surer_class_wins_over_the_more_frequent() {
        let mut votes = Votes::default();
        votes.add(7, Confidence(3_000));
        votes.add(7, Confidence(3_000));
        assert_eq!(votes.winner(), (7, Confidence(3_000)));
        votes.add(2, Confidence(9_001));
        assert_eq!(votes.winner(), (2, Confidence(9_001)));
    }

    #[test]
    fn of_equals_the_first_class_wins() {
        let mut votes = Votes::default();
        votes.add(7, Confidence(3_000));
        votes.add(2, Confidence(3_000));
        assert_eq!(votes.winner().0, 2);
    }
}
