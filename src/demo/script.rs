//! The demo's script: one minute of a street, with everything in it that counters get wrong.

use camcount_domain::{
    FrameSize, Rate,
    rules::{BadRules, RulesDraft},
};

use super::scene::{Mover, Scene};

/// The lines and the zone that are counted, as one would write them on the command line. Over `door`, to the
/// right is in; over `road` likewise.
///
/// # Errors
/// Never for the rules below; the type is that of rules that people write.
pub(crate) fn rules() -> Result<RulesDraft, BadRules> {
    Ok(RulesDraft {
        classes: Vec::new(),
        lines: vec!["door: 0.37,0.90 -> 0.37,0.56".parse()?, "road: 0.68,0.50 -> 0.68,0.29".parse()?],
        zones: vec!["plaza: 0.50,0.60 0.90,0.60 0.95,0.93 0.46,0.93".parse()?],
    })
}

/// One minute of a street: people over the square, cars on the road.
#[must_use]
pub(crate) fn street() -> Scene {
    Scene {
        size: FrameSize { width: 960, height: 540 },
        rate: Rate { millihertz: 12_500 },
        frames: 750,
        seed: 7,
        movers: people().into_iter().chain(cars()).collect(),
    }
}

/// Feet beyond these columns are out of sight, whole figure included.
const LEFT: f64 = -30.0;
const RIGHT: f64 = 670.0;
/// Feet below this row are out of sight, head included.
const BELOW: f64 = 480.0;

fn people() -> Vec<Mover> {
    vec![
        // From below through the door.
        Mover::person(9, 0.3, (90.0, BELOW)).to(120.0, 246.0).to(RIGHT, 242.0),
        // In through the door, a rest on the square, on to the right.
        Mover::person(0, 3.0, (LEFT, 242.0)).to(250.0, 246.0).to(460.0, 252.0).wait(4.0).to(RIGHT, 250.0),
        // In, out, and in again.
        Mover::person(5, 4.7, (LEFT, 244.0))
            .to(282.0, 252.0)
            .to(176.0, 258.0)
            .to(276.0, 300.0)
            .to(270.0, BELOW),
        // Round the end of the line, and past the square.
        Mover::person(4, 5.0, (LEFT, 347.0)).to(RIGHT, 348.0),
        // In a hurry.
        Mover::person(12, 16.3, (LEFT, 270.0)).pace(1.9).to(RIGHT, 276.0),
        // The whole way, inwards, close by.
        Mover::person(8, 17.0, (LEFT, 312.0)).to(RIGHT, 316.0),
        // Touches the line and goes back.
        Mover::person(3, 27.0, (LEFT, 262.0)).to(236.0, 258.0).wait(1.0).to(LEFT, 268.0),
        // Thinks better of it well before the line.
        Mover::person(2, 28.7, (LEFT, 292.0)).to(170.0, 286.0).wait(1.5).to(LEFT, 284.0),
        // In no hurry.
        Mover::person(13, 29.9, (RIGHT, 318.0)).pace(0.85).to(LEFT, 308.0),
        // From below out through the door.
        Mover::person(11, 30.3, (345.0, BELOW)).to(352.0, 272.0).to(LEFT, 276.0),
        // Over the square and out.
        Mover::person(1, 36.5, (RIGHT, 300.0)).to(200.0, 300.0).to(LEFT, 310.0),
        // The whole way, outwards.
        Mover::person(7, 38.8, (RIGHT, 240.0)).to(LEFT, 242.0),
        // Onto the square from the right and back again.
        Mover::person(10, 42.3, (RIGHT, 292.0)).to(500.0, 286.0).wait(5.0).to(RIGHT, 280.0),
        // From below onto the square, to look around.
        Mover::person(6, 45.7, (400.0, BELOW)).to(430.0, 262.0).wait(3.0).to(RIGHT, 268.0),
    ]
}

/// Bumpers beyond these columns are out of sight.
const CAR_LEFT: f64 = -70.0;
const CAR_RIGHT: f64 = 710.0;

fn cars() -> Vec<Mover> {
    let near = |look, start_s| Mover::car(look, start_s, (CAR_LEFT, 166.0));
    let far = |look, start_s| Mover::car(look, start_s, (CAR_RIGHT, 126.0));
    vec![
        near(5, 0.6).to(CAR_RIGHT, 166.0),
        far(3, 7.4).pace(1.1).to(CAR_LEFT, 126.0),
        far(6, 12.8).to(CAR_LEFT, 126.0),
        near(0, 21.6).to(CAR_RIGHT, 166.0),
        near(2, 27.3).pace(0.8).to(CAR_RIGHT, 166.0),
        // Stops before the line, lets somebody pass, drives on.
        near(4, 29.5).to(330.0, 166.0).wait(3.5).to(CAR_RIGHT, 166.0),
        far(1, 39.3).to(CAR_LEFT, 126.0),
        far(7, 43.1).pace(0.9).to(CAR_LEFT, 126.0),
        near(1, 52.5).pace(1.2).to(CAR_RIGHT, 166.0),
    ]
}

#[cfg(test)]
mod tests {
    use camcount_domain::Direction::{In, Out};

    use super::*;
    use crate::demo::{
        scene::{Kind, SCRIPT},
        truth,
    };

    fn in_sight([left, top, right, _]: [f64; 4]) -> bool {
        left < 1.0 && right > 0.0 && top < 1.0
    }

    #[test]
    fn the_truth_of_the_street() {
        let scene = street();
        let truth = truth(&scene, &rules().unwrap().resolve(scene.size).unwrap());
        let door = (truth.crossed("door", In, "person"), truth.crossed("door", Out, "person"));
        let road = (truth.crossed("road", In, "car"), truth.crossed("road", Out, "car"));
        assert_eq!((door, road), ((6, 5), (5, 4)));
        assert_eq!((truth.entered("plaza"), truth.left("plaza")), (10, 10));
        assert_eq!(truth.crossings.len(), 20, "nobody walks on the road and no car on the square");
    }

    #[test]
    fn everybody_comes_into_sight_and_leaves_it_within_the_minute() {
        let scene = street();
        for (i, mover) in scene.movers.iter().enumerate() {
            let (first, last) = (mover.knots[0].time, mover.knots[mover.knots.len() - 1].time);
            let at = |time| mover.pose(time).unwrap().bounds();
            assert!(!in_sight(at(first)) && !in_sight(at(last.plus_us(-1))), "mover {i} pops up or vanishes");
            assert!(last < scene.time(scene.frames), "mover {i} is not done at {last}");
        }
    }

    /// The truth of this scene must not hang on telling apart people who hide each other.
    #[test]
    fn nobody_hides_anybody() {
        // Half of the least gap, as a share of the picture's width and height: 14 script pixels across or down.
        const MARGIN: (f64, f64) = (7.0 / SCRIPT.0, 7.0 / SCRIPT.1);
        let scene = street();
        for frame in 0..scene.frames {
            // With the swing of arms and legs.
            let reach = |(kind, [left, top, right, bottom]): (Kind, [f64; 4])| {
                let aside = MARGIN.0 + if kind == Kind::Person { (right - left) * 0.22 } else { 0.0 };
                [left - aside, top - MARGIN.1, right + aside, bottom + MARGIN.1]
            };
            let time = scene.time(frame);
            let here = scene.movers.iter().filter_map(|m| Some((m.kind, m.pose(time)?.bounds())));
            let boxes: Vec<_> = here.filter(|(_, b)| in_sight(*b)).map(reach).collect();
            for (i, a) in boxes.iter().enumerate() {
                let apart = |b: &[f64; 4]| a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(boxes[i + 1..].iter().all(apart), "frame {frame}");
            }
        }
    }
}
