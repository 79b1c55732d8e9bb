//! Counted events held against true ones: what was missed, what was made up, what went the other way.

use std::ops::Range;

use camcount_domain::Direction;
use serde::Serialize;

use super::pairs::pair;

/// What events happen at, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Watched {
    /// It is crossed.
    Line(String),
    /// It is entered (in) and left (out).
    Zone(String),
}

impl Watched {
    /// What people call it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Line(name) | Self::Zone(name) => name,
        }
    }
}

/// One crossing of a line, or one entry into or exit from a zone; true or counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub place: Watched,
    pub direction: Direction,
    /// Since the start of the footage, in microseconds.
    pub at_us: i64,
    /// What it was that went, where that is known.
    pub class: Option<String>,
}

/// How one line or zone was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// `None` for all of them together.
    #[serde(flatten)]
    pub place: Option<Watched>,
    /// True events.
    pub truth: u64,
    /// Counted ones.
    pub counted: u64,
    /// Counted ones that are true: same place and direction, about the same time.
    pub matched: u64,
    /// True ones that were not counted, though somebody looked.
    pub missed: u64,
    /// True ones that were not counted, since nobody looked: they fall into gaps.
    pub unseen: u64,
    /// Counted ones that are not true.
    #[serde(rename = "false")]
    pub made_up: u64,
    /// True ones that were counted in the other direction.
    pub confused: u64,
    /// Matched ones whose classes differ, where the truth names one.
    pub other_class: u64,
    /// Matched ones as a share of all, true and counted, each once, but for those in gaps.
    pub accuracy: Option<Share>,
    /// Matched ones as a share of the true ones outside gaps.
    pub recall: Option<Share>,
    /// Matched ones as a share of the counted ones.
    pub precision: Option<Share>,
}

/// A share with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// What happened at a moment that is worth looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Missed,
    False,
    Confused,
}

/// A moment that is worth looking at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Moment {
    /// Since the start of the footage, in seconds.
    pub time_s: f64,
    #[serde(flatten)]
    pub place: Watched,
    pub what: What,
    /// The true direction, or the counted one of what is not true.
    pub direction: &'static str,
    pub class: Option<String>,
}

impl Share {
    /// The score interval of Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    /// the American Statistical Association 22 (1927), 209–212; 1.96 standard deviations. `None` of nothing.
    pub(super) fn of(part: u64, all: u64) -> Option<Self> {
        const Z: f64 = 1.959_963_985;
        if all == 0 {
            return None;
        }
        let (n, value) = (all as f64, part as f64 / all as f64);
        let middle = value + Z * Z / (2.0 * n);
        let reach = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
        let bound = |v: f64| ((v / (1.0 + Z * Z / n)).clamp(0.0, 1.0) * 1e4).round() / 1e4;
        Some(Self {
            value: (value * 1e4).round() / 1e4,
            low: bound(middle - reach),
            high: bound(middle + reach),
        })
    }
}

/// Holds the counted events of one place against its true ones. Nobody looked in `gaps`, which are counted as events are.
pub(super) fn judge(
    place: &Watched,
    truth: &[Event],
    counted: &[Event],
    tolerance_us: i64,
    gaps: &[Range<i64>],
) -> (Verdict, Vec<Moment>) {
    let of = |events: &[Event], direction: Direction| -> Vec<Event> {
        let mut chosen: Vec<Event> =
            events.iter().filter(|e| e.place == *place && e.direction == direction).cloned().collect();
        chosen.sort_by(|a, b| (a.at_us, &a.class).cmp(&(b.at_us, &b.class)));
        chosen
    };
    let mut verdict = Verdict { place: Some(place.clone()), ..Verdict::default() };
    let mut moments = Vec::new();
    let [mut left_in, mut left_out] = [Direction::In, Direction::Out].map(|direction| {
        let (truth, counted) = (of(truth, direction), of(counted, direction));
        verdict.truth += truth.len() as u64;
        verdict.counted += counted.len() as u64;
        let (pairs, left) = part(truth, counted, tolerance_us);
        verdict.matched += pairs.len() as u64;
        let differ =
            |(truth, counted): &&(Event, Event)| truth.class.is_some() && truth.class != counted.class;
        verdict.other_class += pairs.iter().filter(differ).count() as u64;
        left
    });
    let mut note = |what, event: Event| {
        let Event { place, direction, at_us, class } = event;
        moments.push(Moment {
            time_s: at_us as f64 / 1e6,
            place,
            what,
            direction: direction.as_str(),
            class,
        });
    };
    // What has no partner of its own direction may have one of the other.
    for (truth, counted) in [(&mut left_in.0, &mut left_out.1), (&mut left_out.0, &mut left_in.1)] {
        let (pairs, left) = part(std::mem::take(truth), std::mem::take(counted), tolerance_us);
        verdict.confused += pairs.len() as u64;
        pairs.into_iter().for_each(|(truth, _)| note(What::Confused, truth));
        (*truth, *counted) = left;
    }
    for (truth, counted) in [left_in, left_out] {
        let (unseen, truth): (Vec<_>, Vec<_>) =
            truth.into_iter().partition(|event| gaps.iter().any(|gap| gap.contains(&event.at_us)));
        verdict.unseen += unseen.len() as u64;
        verdict.missed += truth.len() as u64;
        verdict.made_up += counted.len() as u64;
        truth.into_iter().for_each(|event| note(What::Missed, event));
        counted.into_iter().for_each(|event| note(What::False, event));
    }
    moments.sort_by(|a, b| {
        a.time_s.total_cmp(&b.time_s).then_with(|| (a.what, a.direction).cmp(&(b.what, b.direction)))
    });
    (verdict.with_shares(), moments)
}

type Lists = (Vec<Event>, Vec<Event>);

/// Pairs, and what is left over of both.
fn part(truth: Vec<Event>, counted: Vec<Event>, tolerance_us: i64) -> (Vec<(Event, Event)>, Lists) {
    let times = |events: &[Event]| events.iter().map(|e| e.at_us).collect::<Vec<_>>();
    let places = pair(&times(&truth), &times(&counted), tolerance_us);
    let pairs = places.iter().map(|(i, j)| (truth[*i].clone(), counted[*j].clone())).collect();
    let left = |events: Vec<Event>, taken: &dyn Fn(&(usize, usize)) -> usize| {
        let rest = events.into_iter().enumerate().filter(|(n, _)| !places.iter().any(|p| taken(p) == *n));
        rest.map(|(_, event)| event).collect()
    };
    (pairs, (left(truth, &|p| p.0), left(counted, &|p| p.1)))
}

impl Verdict {
    fn with_shares(mut self) -> Self {
        let all = self.matched + self.missed + self.made_up + self.confused;
        self.accuracy = Share::of(self.matched, all);
        self.recall = Share::of(self.matched, self.truth - self.unseen);
        self.precision = Share::of(self.matched, self.counted);
        self
    }

    /// All places as one.
    pub(super) fn sum<'v>(verdicts: impl IntoIterator<Item = &'v Self>) -> Self {
        let mut sum = Self::default();
        for verdict in verdicts {
            sum.truth += verdict.truth;
            sum.counted += verdict.counted;
            sum.matched += verdict.matched;
            sum.missed += verdict.missed;
            sum.unseen += verdict.unseen;
            sum.made_up += verdict.made_up;
            sum.confused += verdict.confused;
            sum.other_class += verdict.other_class;
        }
        sum.with_shares()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(direction: Direction, times_s: &[f64]) -> Vec<Event> {
        let event = |t: &f64| Event { place: place(), direction, at_us: (t * 1e6) as i64, class: None };
        times_s.iter().map(event).collect()
    }

    fn place() -> Watched {
        Watched::Line("l".to_owned())
    }

    #[test]
    fn misses_false_ones_and_confusions_are_told_apart() {
        let truth = [events(Direction::In, &[1.0, 5.0, 20.0]), events(Direction::Out, &[10.0])].concat();
        let counted = [events(Direction::In, &[1.4, 30.0]), events(Direction::Out, &[5.2, 9.0])].concat();
        let (verdict, moments) = judge(&place(), &truth, &counted, 1_500_000, &[]);
        assert_eq!((verdict.truth, verdict.counted, verdict.matched), (4, 4, 2));
        assert_eq!((verdict.missed, verdict.made_up, verdict.confused), (1, 1, 1));
        let told: Vec<_> = moments.iter().map(|m| (m.time_s, m.what, m.direction)).collect();
        assert_eq!(
            told,
            [(5.0, What::Confused, "in"), (20.0, What::Missed, "in"), (30.0, What::False, "in")]
        );
        assert_eq!(verdict.accuracy.map(|a| a.value), Some(0.4));
    }

    #[test]
    fn a_zone_is_no_line_of_its_name() {
        let truth = events(Direction::In, &[1.0]);
        let (verdict, moments) = judge(&Watched::Zone("l".to_owned()), &truth, &truth, 1_500_000, &[]);
        assert_eq!((verdict.truth, verdict.counted, moments.len()), (0, 0, 0));
        let told = serde_json::to_value(&verdict).unwrap();
        assert_eq!((&told["zone"], &told["line"]), (&serde_json::json!("l"), &serde_json::Value::Null));
    }

    #[test]
    fn what_falls_into_a_gap_is_neither_counted_nor_missed() {
        let truth = events(Direction::In, &[1.0, 9.0, 12.0, 15.0]);
        let counted = events(Direction::In, &[1.2, 8.9]);
        let gap = 8_000_000..13_000_000;
        let (verdict, moments) = judge(&place(), &truth, &counted, 1_500_000, &[gap]);
        assert_eq!((verdict.matched, verdict.missed, verdict.unseen), (2, 1, 1));
        assert_eq!(moments.iter().map(|m| m.time_s).collect::<Vec<_>>(), [15.0]);
        let shares = [verdict.accuracy, verdict.recall].map(|share| share.map(|s| s.value));
        assert_eq!(shares, [Some(0.6667), Some(0.6667)]);
    }

    /// Values of Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn intervals_are_wilsons() {
        for (part, all, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = Share::of(part, all).unwrap();
            assert_eq!((share.low, share.high), (low, high), "{part}/{all}");
        }
        assert_eq!(Share::of(0, 0), None);
    }
}
