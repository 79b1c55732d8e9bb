//! The demo's script: one minute of a street, with everything in it that counters get wrong.

use camcount_domain::{
    FrameSize, Rate, Ruleset,
    rules::{BadRules, RulesDraft},
};

use super::scene::{Mover, Scene};

/// The lines that are counted, as one would write them on the command line. Over `door`, to the right is in;
/// over `road` likewise.
pub const LINES: [&str; 2] = ["door: 0.37,0.90 -> 0.37,0.56", "road: 0.68,0.50 -> 0.68,0.29"];

/// The zone that is counted, as one would write it on the command line.
pub const ZONES: [&str; 1] = ["plaza: 0.50,0.60 0.90,0.60 0.95,0.93 0.46,0.93"];

/// [`LINES`] and [`ZONES`], checked.
///
/// # Errors
/// Never for the rules above; the type is that of rules that people write.
pub fn ruleset(size: FrameSize) -> Result<Ruleset, BadRules> {
    let draft = RulesDraft {
        classes: Vec::new(),
        lines: LINES.iter().map(|line| line.parse()).collect::<Result<_, _>>()?,
        zones: ZONES.iter().map(|zone| zone.parse()).collect::<Result<_, _>>()?,
    };
    draft.resolve(size)
}

/// One minute of a street: people over the square, cars on the road.
#[must_use]
pub fn street() -> Scene {
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
const BELOW: f64 = 462.0;

fn people() -> Vec<Mover> {
    vec![
        // In through the door, a rest on the square, on to the right.
        Mover::person(0, 0.5, (LEFT, 238.0)).to(250.0, 244.0).to(460.0, 250.0).wait(4.0).to(RIGHT, 246.0),
        // Over the square and out.
        Mover::person(1, 3.0, (RIGHT, 300.0)).to(200.0, 300.0).to(LEFT, 310.0),
        // Thinks better of it well before the line.
        Mover::person(2, 5.0, (LEFT, 292.0)).to(170.0, 286.0).wait(1.5).to(LEFT, 284.0),
        // Touches the line and goes back.
        Mover::person(3, 8.0, (LEFT, 262.0)).to(236.0, 258.0).wait(1.0).to(LEFT, 268.0),
        // Round the end of the line, and past the square.
        Mover::person(4, 11.0, (LEFT, 347.0)).to(RIGHT, 348.0),
        // In, out, and in again.
        Mover::person(5, 14.0, (LEFT, 236.0)).to(282.0, 250.0).to(176.0, 256.0).to(276.0, 300.0).to(270.0, BELOW),
        // From below onto the square, to look around.
        Mover::person(6, 17.0, (400.0, BELOW)).to(430.0, 262.0).wait(3.0).to(RIGHT, 268.0),
        // The whole way, outwards.
        Mover::person(7, 20.0, (RIGHT, 232.0)).to(LEFT, 230.0),
        // The whole way, inwards, close by.
        Mover::person(8, 24.0, (LEFT, 312.0)).to(RIGHT, 316.0),
        // From below through the door.
        Mover::person(9, 28.0, (90.0, BELOW)).to(120.0, 236.0).to(RIGHT, 230.0),
        // Onto the square from the right and back again.
        Mover::person(10, 31.0, (RIGHT, 292.0)).to(500.0, 286.0).wait(5.0).to(RIGHT, 280.0),
        // From below out through the door.
        Mover::person(11, 35.0, (345.0, BELOW)).to(352.0, 272.0).to(LEFT, 276.0),
        // In a hurry.
        Mover::person(12, 39.0, (LEFT, 270.0)).pace(1.9).to(RIGHT, 276.0),
        // In no hurry.
        Mover::person(13, 43.0, (RIGHT, 318.0)).pace(0.85).to(LEFT, 308.0),
    ]
}

/// Bumpers beyond these columns are out of sight.
const CAR_LEFT: f64 = -70.0;
const CAR_RIGHT: f64 = 710.0;

fn cars() -> Vec<Mover> {
    let near = |look, start_s| Mover::car(look, start_s, (CAR_LEFT, 170.0));
    let far = |look, start_s| Mover::car(look, start_s, (CAR_RIGHT, 128.0));
    vec![
        near(0, 1.0).to(CAR_RIGHT, 170.0),
        far(1, 4.0).to(CAR_LEFT, 128.0),
        near(2, 12.0).pace(0.8).to(CAR_RIGHT, 170.0),
        far(3, 20.0).pace(1.1).to(CAR_LEFT, 128.0),
        // Stops before the line, lets somebody pass, drives on.
        near(4, 24.0).to(330.0, 170.0).wait(3.5).to(CAR_RIGHT, 170.0),
        far(6, 33.0).to(CAR_LEFT, 128.0),
        near(5, 37.0).to(CAR_RIGHT, 170.0),
        far(7, 45.0).pace(0.9).to(CAR_LEFT, 128.0),
        near(1, 50.0).pace(1.2).to(CAR_RIGHT, 170.0),
    ]
}
