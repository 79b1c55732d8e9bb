//! What a perfect counter would say, from the scripted paths alone: no frames, no boxes, no dead bands.
//!
//! Paths are straight legs, so where they meet lines and zone borders follows from plain geometry.

use camcount_domain::{Direction, Line, MediaTime, Point, Ruleset, Zone, cross, intersection};

use super::scene::{Mover, Scene, normalised};

/// One mover crossing one line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrueCrossing {
    /// The line's name.
    pub line: String,
    /// Which way.
    pub direction: Direction,
    /// The mover's class.
    pub class: &'static str,
    /// When its path met the line.
    pub time: MediaTime,
    /// Which of [`Scene::movers`].
    pub mover: usize,
}

/// One mover's stay in one zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrueVisit {
    /// The zone's name.
    pub zone: String,
    /// The mover's class.
    pub class: &'static str,
    /// When it came in; `None` when it was inside from its first moment on.
    pub entered: Option<MediaTime>,
    /// When it left; `None` when it was inside until its last moment.
    pub left: Option<MediaTime>,
    /// Which of [`Scene::movers`].
    pub mover: usize,
}

/// All that happens in a scene, in the order of lines and zones, then of movers, then of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Truth {
    /// Every crossing.
    pub crossings: Vec<TrueCrossing>,
    /// Every visit.
    pub visits: Vec<TrueVisit>,
}

impl Truth {
    /// Crossings of the line in a direction by movers of a class.
    #[must_use]
    pub(crate) fn crossed(&self, line: &str, direction: Direction, class: &str) -> usize {
        let same = |c: &&TrueCrossing| c.line == line && c.direction == direction && c.class == class;
        self.crossings.iter().filter(same).count()
    }

    /// How many movers came into the zone.
    #[must_use]
    pub(crate) fn entered(&self, zone: &str) -> usize {
        self.visits.iter().filter(|v| v.zone == zone && v.entered.is_some()).count()
    }

    /// How many movers left the zone.
    #[must_use]
    pub(crate) fn left(&self, zone: &str) -> usize {
        self.visits.iter().filter(|v| v.zone == zone && v.left.is_some()).count()
    }
}

/// What crosses the lines and visits the zones of `rules` until the scene ends.
#[must_use]
pub(crate) fn truth(scene: &Scene, rules: &Ruleset) -> Truth {
    let end = scene.time(scene.frames);
    let movers = || scene.movers.iter().enumerate();
    let wanted = |classes: &[String], class: &str| {
        rules.wants(class) && (classes.is_empty() || classes.iter().any(|c| c == class))
    };
    let mut truth = Truth::default();
    for line in &rules.lines {
        for (mover, who) in movers().filter(|(_, m)| wanted(&line.classes, m.kind.class())) {
            let crossings = crossings(line, &legs(who)).into_iter().filter(|(time, _)| *time < end);
            truth.crossings.extend(crossings.map(|(time, direction)| TrueCrossing {
                line: line.name.clone(),
                direction,
                class: who.kind.class(),
                time,
                mover,
            }));
        }
    }
    for zone in &rules.zones {
        for (mover, who) in movers().filter(|(_, m)| wanted(&zone.classes, m.kind.class())) {
            for (entered, left) in visits(zone, &legs(who)) {
                if entered.is_some_and(|t| t >= end) {
                    continue;
                }
                truth.visits.push(TrueVisit {
                    zone: zone.name.clone(),
                    class: who.kind.class(),
                    entered,
                    left: left.filter(|t| *t < end),
                    mover,
                });
            }
        }
    }
    truth
}

/// A straight part of a path.
struct Leg {
    from: Point,
    to: Point,
    start: MediaTime,
    end: MediaTime,
}

impl Leg {
    fn time(&self, share: f64) -> MediaTime {
        self.start.plus_us((self.end.since_us(self.start) as f64 * share).round() as i64)
    }

    fn point(&self, share: f64) -> Point {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Point { x: mix(self.from.x, self.to.x), y: mix(self.from.y, self.to.y) }
    }
}

fn legs(mover: &Mover) -> Vec<Leg> {
    let leg = |pair: &[super::scene::Knot]| Leg {
        from: normalised(pair[0].at),
        to: normalised(pair[1].at),
        start: pair[0].time,
        end: pair[1].time,
    };
    mover.knots.windows(2).map(leg).collect()
}

/// A crossing is a change of side whose way met the line. Standing on the line is on neither side.
fn crossings(line: &Line, legs: &[Leg]) -> Vec<(MediaTime, Direction)> {
    let (mut found, mut side, mut met) = (Vec::new(), 0.0, None);
    for leg in legs {
        let before = cross(line.from, line.to, leg.from);
        if side == 0.0 && before != 0.0 {
            side = before;
        }
        if let Some(share) = intersection(leg.from, leg.to, line.from, line.to) {
            met = met.or(Some(leg.time(share)));
        }
        let after = cross(line.from, line.to, leg.to);
        if after == 0.0 {
            continue;
        }
        if let Some(time) = met.take().filter(|_| side * after < 0.0) {
            found.push((time, if after > 0.0 { Direction::In } else { Direction::Out }));
        }
        side = after;
    }
    found
}

/// Stays in the zone: between two meetings with its border a leg is wholly inside or wholly outside.
fn visits(zone: &Zone, legs: &[Leg]) -> Vec<(Option<MediaTime>, Option<MediaTime>)> {
    let mut found = Vec::new();
    let mut open: Option<Option<MediaTime>> = None;
    for (number, leg) in legs.iter().enumerate() {
        let border = zone.polygon.sides().filter_map(|(a, b)| intersection(leg.from, leg.to, a, b));
        let mut shares: Vec<f64> = border.chain([0.0, 1.0]).collect();
        shares.sort_by(f64::total_cmp);
        for pair in shares.windows(2).filter(|pair| pair[0] < pair[1]) {
            let inside = zone.polygon.contains(leg.point((pair[0] + pair[1]) / 2.0));
            let now = leg.time(pair[0]);
            match (inside, open) {
                (true, None) => open = Some((number > 0 || pair[0] > 0.0).then_some(now)),
                (false, Some(entered)) => {
                    found.push((entered, Some(now)));
                    open = None;
                }
                _ => {}
            }
        }
    }
    found.extend(open.map(|entered| (entered, None)));
    found
}

#[cfg(test)]
mod tests {
    use camcount_domain::{FrameSize, Rate, rules::RulesDraft};

    use super::*;

    fn scene(movers: Vec<Mover>) -> Scene {
        let size = FrameSize { width: 640, height: 360 };
        Scene { size, rate: Rate { millihertz: 10_000 }, frames: 600, seed: 0, movers }
    }

    fn rules(line: &str, zone: &str) -> Ruleset {
        let draft = RulesDraft {
            classes: vec![],
            lines: vec![line.parse().unwrap()],
            zones: vec![zone.parse().unwrap()],
        };
        draft.resolve(FrameSize { width: 640, height: 360 }).unwrap()
    }

    /// Upwards through the middle, so that rightwards is in; and a square in the right half.
    fn middle() -> Ruleset {
        rules("door: 320px,320px -> 320px,220px", "hall: 400px,220px 600px,220px 600px,320px 400px,320px")
    }

    fn of(mover: Mover) -> (String, Truth) {
        let truth = truth(&scene(vec![mover]), &middle());
        (truth.crossings.iter().map(|c| format!("{} ", c.direction)).collect(), truth)
    }

    #[test]
    fn crossing_back_and_forth_counts_each_time() {
        let there_and_back = Mover::person(0, 0.0, (280.0, 270.0)).to(360.0, 270.0).to(280.0, 275.0);
        assert_eq!(of(there_and_back.clone()).0, "in out ");
        assert_eq!(of(there_and_back.to(390.0, 280.0)).0, "in out in ");
    }

    #[test]
    fn touching_turning_back_and_walking_round_count_nothing() {
        let start = Mover::person(0, 0.0, (280.0, 270.0));
        assert_eq!(of(start.clone().to(319.0, 270.0).to(280.0, 270.0)).0, "");
        assert_eq!(of(start.clone().to(320.0, 270.0).wait(1.0).to(280.0, 270.0)).0, "");
        assert_eq!(of(start.clone().to(300.0, 340.0).to(340.0, 340.0)).0, "");
        assert_eq!(of(start.clone().to(300.0, 340.0).to(340.0, 340.0).to(280.0, 270.0)).0, "out ");
        assert_eq!(
            of(start.clone().to(320.0, 270.0).wait(1.0).to(340.0, 270.0)).0,
            "in ",
            "a rest on the line"
        );
        assert_eq!(of(start.to(320.0, 270.0).to(320.0, 250.0).to(340.0, 250.0)).0, "in ", "a walk along it");
    }

    #[test]
    fn a_crossing_is_timed_where_the_path_meets_the_line() {
        let mover = Mover::person(0, 1.0, (300.0, 225.0)).to(348.0, 225.0);
        // 48 px take 1.25 s; the line is 20 px away.
        let time = 1_000_000 + 1_250_000 * 20 / 48;
        assert!((of(mover).1.crossings[0].time.0 - time).abs() <= 1);
    }

    #[test]
    fn visits_know_their_entry_and_their_exit() {
        let through = of(Mover::person(0, 0.0, (380.0, 270.0)).to(500.0, 270.0).wait(1.0).to(640.0, 270.0)).1;
        assert_eq!((through.entered("hall"), through.left("hall")), (1, 1));
        let ends_inside = of(Mover::person(0, 0.0, (380.0, 270.0)).to(500.0, 270.0)).1;
        assert_eq!((ends_inside.entered("hall"), ends_inside.left("hall")), (1, 0));
        let starts_inside = of(Mover::person(0, 0.0, (500.0, 270.0)).to(640.0, 270.0)).1;
        assert_eq!((starts_inside.entered("hall"), starts_inside.left("hall")), (0, 1));
        let corner = of(Mover::person(0, 0.0, (380.0, 240.0)).to(440.0, 200.0)).1;
        assert_eq!(corner.visits.len(), 1, "a path that cuts a corner is a visit");
    }

    #[test]
    fn what_happens_after_the_end_is_not_in_the_scene() {
        let mut scene = scene(vec![Mover::person(0, 59.9, (280.0, 270.0)).to(500.0, 270.0)]);
        assert_eq!(truth(&scene, &middle()), Truth::default());
        scene.frames = 700;
        assert_eq!(truth(&scene, &middle()).crossed("door", Direction::In, "person"), 1);
        assert_eq!(truth(&scene, &middle()).crossed("door", Direction::In, "car"), 0);
    }
}
