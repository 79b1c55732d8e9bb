//! Frames of a scene: the street, everybody in it from far to near, and the sensor's noise.

use camcount_domain::MediaTime;

use super::{
    canvas::{Canvas, scatter},
    figures::figure,
    scene::{Mover, Pose, SCRIPT, Scene},
    street,
};

/// How far the sensor's noise reaches to either side, in levels of 0..=255: that of a good camera by daylight.
const NOISE: f32 = 3.0;

/// Draws every frame of `scene` in turn: three bytes a pixel (red, green, blue), rows from top to bottom.
///
/// # Errors
/// The first error of `sink`, which ends the drawing.
pub(crate) fn render<E>(scene: &Scene, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let (width, height) = (scene.size.width as usize, scene.size.height as usize);
    let scale = scene.size.width as f32 / SCRIPT.0 as f32;
    let empty = street::backdrop(width, height, scale);
    let noise = noise(empty.len(), scene.seed);
    let mut pixels = empty.clone();
    for frame in 0..scene.frames {
        pixels.copy_from_slice(&empty);
        populate(&mut Canvas { pixels: &mut pixels, width, height, scale }, scene, scene.time(frame));
        // The same grain, begun elsewhere in every frame: fresh enough, and cheap.
        let start = (scatter(frame as i32, 0, scene.seed) * empty.len() as f32) as usize;
        for (pixel, grain) in pixels.iter_mut().zip(&noise[start..]) {
            *pixel = pixel.saturating_add_signed(*grain);
        }
        sink(&pixels)?;
    }
    Ok(())
}

/// Draws everybody who is there at `time`, those farther away first.
fn populate(canvas: &mut Canvas<'_>, scene: &Scene, time: MediaTime) {
    let mut here: Vec<(Pose, &Mover)> =
        scene.movers.iter().filter_map(|m| Some((m.pose(time)?, m))).collect();
    here.sort_by(|(a, _), (b, _)| a.at.y.total_cmp(&b.at.y));
    for (pose, mover) in here {
        figure(canvas, mover.kind, mover.look, &pose);
    }
}

/// Grain for `bytes` bytes and as many again to choose a start from: the sum of two dice, so that small is
/// more common than large.
fn noise(bytes: usize, seed: u32) -> Vec<i8> {
    let die = |i: usize, n: u32| scatter(i as i32, n as i32, seed) * NOISE - NOISE / 2.0;
    (0..bytes * 2).map(|i| (die(i, 1) + die(i, 2)).round() as i8).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use camcount_domain::{FrameSize, Rate, content_hash};

    use super::*;

    fn frames(scene: &Scene) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let Ok(()) = render::<Infallible>(scene, &mut |frame| {
            frames.push(frame.to_vec());
            Ok(())
        });
        frames
    }

    fn scene(movers: Vec<Mover>) -> Scene {
        let size = FrameSize { width: 320, height: 180 };
        Scene { size, rate: Rate { millihertz: 10_000 }, frames: 20, seed: 1, movers }
    }

    #[test]
    fn frames_are_the_same_every_time() {
        let walker = || vec![Mover::person(3, 0.0, (300.0, 300.0)).to(400.0, 300.0)];
        let (a, b) = (frames(&scene(walker())), frames(&scene(walker())));
        assert_eq!(a.len(), 20);
        assert_eq!(a, b);
        assert_ne!(a[0], a[1]);
    }

    /// The look of a scene is not fixed, but it must not depend on the machine; change the hash with the look.
    #[test]
    fn frames_are_the_same_everywhere() {
        let movers = vec![
            Mover::person(2, 0.0, (300.0, 300.0)).to(400.0, 300.0),
            Mover::car(1, 0.0, (100.0, 170.0)).to(600.0, 170.0),
        ];
        assert_eq!(content_hash(&[&frames(&scene(movers))[7]]), "7d9abf5f6e4b8595");
    }

    /// A detector must be able to tell everybody from what is behind them.
    #[test]
    fn everybody_stands_out_from_the_street() {
        let (width, height) = (640, 360);
        let empty = street::backdrop(width, height, 1.0);
        for mover in crate::demo::street().movers {
            let knots = &mover.knots;
            let (start, end) = (knots[0].time, knots[knots.len() - 1].time);
            let time = start.plus_us(end.since_us(start) * 2 / 5);
            let bounds = mover.pose(time).unwrap().bounds();
            let mut pixels = empty.clone();
            let scene = Scene { movers: vec![mover], ..scene(vec![]) };
            populate(&mut Canvas { pixels: &mut pixels, width, height, scale: 1.0 }, &scene, time);
            let luma =
                |p: &[u8]| (299 * i32::from(p[0]) + 587 * i32::from(p[1]) + 114 * i32::from(p[2])) / 1000;
            let pairs = pixels.chunks(3).zip(empty.chunks(3));
            let differing = pairs.filter(|(a, b)| (luma(a) - luma(b)).abs() > 25).count();
            let area = (bounds[2] - bounds[0]) * 640.0 * (bounds[3] - bounds[1]) * 360.0;
            assert!(differing as f64 > 0.4 * area, "{differing} of {area:.0} pixels: {:?}", scene.movers[0]);
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_drawing() {
        let mut asked = 0;
        let outcome = render(&scene(vec![]), &mut |_| {
            asked += 1;
            Err("full")
        });
        assert_eq!((outcome, asked), (Err("full"), 1));
    }
}
