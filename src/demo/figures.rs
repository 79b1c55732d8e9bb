//! People and cars, drawn from a few rounded shapes each.

use super::{
    canvas::{At, Canvas, Rgb, blend, dim},
    scene::{Kind, Pose, SCRIPT},
};

const SKIN: [Rgb; 4] =
    [[222.0, 172.0, 140.0], [186.0, 132.0, 98.0], [128.0, 84.0, 58.0], [205.0, 152.0, 118.0]];
const HAIR: [Rgb; 4] = [[42.0, 30.0, 24.0], [84.0, 54.0, 30.0], [26.0, 24.0, 26.0], [104.0, 72.0, 38.0]];
const SHIRTS: [Rgb; 8] = [
    [178.0, 38.0, 42.0],
    [34.0, 72.0, 142.0],
    [36.0, 104.0, 70.0],
    [226.0, 168.0, 28.0],
    [98.0, 46.0, 116.0],
    [22.0, 116.0, 128.0],
    [206.0, 96.0, 26.0],
    [52.0, 54.0, 64.0],
];
const TROUSERS: [Rgb; 5] =
    [[38.0, 46.0, 74.0], [46.0, 44.0, 44.0], [84.0, 68.0, 48.0], [30.0, 34.0, 40.0], [64.0, 78.0, 104.0]];
const PAINTS: [Rgb; 7] = [
    [170.0, 30.0, 34.0],
    [232.0, 232.0, 228.0],
    [32.0, 74.0, 140.0],
    [214.0, 170.0, 40.0],
    [28.0, 30.0, 34.0],
    [60.0, 120.0, 96.0],
    [196.0, 202.0, 208.0],
];
const SHOE: Rgb = [30.0, 26.0, 26.0];
const SHADOW: Rgb = [20.0, 22.0, 30.0];

/// A full stride (two steps), in person heights.
const STRIDE: f64 = 0.86;

fn pick<T: Copy>(from: &[T], look: u32, step: u32) -> T {
    from[(look / step) as usize % from.len()]
}

/// A wave of period 1 between -1 and 1: two parabolas that differ from a sine by less than 0.06.
fn wave(turns: f64) -> f32 {
    let t = turns - turns.floor();
    let half = if t < 0.5 { t * 2.0 } else { t * 2.0 - 1.0 };
    let arch = (4.0 * half * (1.0 - half)) as f32;
    if t < 0.5 { arch } else { -arch }
}

/// Draws a mover of `kind` who stands like `pose`.
pub(super) fn figure(canvas: &mut Canvas<'_>, kind: Kind, look: u32, pose: &Pose) {
    match kind {
        Kind::Person => person(canvas, look, pose),
        Kind::Car => car(canvas, look, pose),
    }
}

/// From a figure's own units (its height is 1, `up` from the ground, `ahead` where it faces) to the canvas.
#[derive(Clone, Copy)]
struct Stand {
    at: At,
    unit: f32,
    facing: f32,
}

impl Stand {
    fn of(pose: &Pose) -> Self {
        let at = ((pose.at.x * SCRIPT.0) as f32, (pose.at.y * SCRIPT.1) as f32);
        let facing = if pose.heading.0 < 0.0 { -1.0 } else { 1.0 };
        Self { at, unit: (pose.height * SCRIPT.1) as f32, facing }
    }

    fn to(self, ahead: f32, up: f32) -> At {
        (self.at.0 + ahead * self.facing * self.unit, self.at.1 - up * self.unit)
    }

    fn radii(self, a: f32, b: f32) -> At {
        (a * self.unit, b * self.unit)
    }
}

fn person(canvas: &mut Canvas<'_>, look: u32, pose: &Pose) {
    let stand = Stand::of(pose);
    let (across, down) = pose.heading;
    // Walking towards the camera or away, the swing is seen foreshortened.
    let sideways = across.abs() >= down.abs() || (across, down) == (0.0, 0.0);
    let moving = (across, down) != (0.0, 0.0);
    let swing = if moving { wave(pose.walked / STRIDE) } else { 0.0 };
    let lift = if moving { wave(pose.walked / STRIDE + 0.25) } else { 0.0 };
    let bob = 0.012 * (1.0 - swing.abs());
    let (shirt, trousers) = (pick(&SHIRTS, look, 1), pick(&TROUSERS, look, 3));
    let (skin, hair) = (pick(&SKIN, look, 2), pick(&HAIR, look, 1));

    canvas.veil(stand.to(0.0, 0.005), stand.radii(0.24, 0.055), SHADOW, 0.10, false);
    canvas.veil(stand.to(0.0, 0.005), stand.radii(0.20, 0.045), SHADOW, 0.10, false);

    let leg = |canvas: &mut Canvas<'_>, swing: f32, lift: f32, near: bool| {
        let colour = if near { trousers } else { dim(trousers, 0.75) };
        let apart = if near { -0.015 } else { 0.015 };
        let (step, raise) = if sideways {
            (0.17 * swing, 0.06 * lift.max(0.0))
        } else {
            (if near { -0.055 } else { 0.055 }, 0.05 * lift.max(0.0))
        };
        let hip = if sideways { apart } else { step * 0.8 };
        let (foot, ankle) = (hip + step * if sideways { 1.0 } else { 0.2 }, 0.04 + raise);
        let knee =
            ((hip + foot) / 2.0 + if sideways { 0.025 + raise * 0.8 } else { 0.0 }, 0.275 + raise * 0.4);
        canvas.limb(
            stand.to(hip, 0.49 + bob),
            stand.to(knee.0, knee.1),
            (0.062 * stand.unit, 0.046 * stand.unit),
            colour,
        );
        canvas.limb(
            stand.to(knee.0, knee.1),
            stand.to(foot, ankle),
            (0.046 * stand.unit, 0.032 * stand.unit),
            colour,
        );
        let toe = if sideways { 0.05 } else { 0.0 };
        canvas.limb(
            stand.to(foot - 0.01, ankle - 0.016),
            stand.to(foot + toe, ankle - 0.018),
            (0.024 * stand.unit, 0.022 * stand.unit),
            SHOE,
        );
    };
    let arm = |canvas: &mut Canvas<'_>, swing: f32, near: bool| {
        let sleeve = if near { dim(shirt, 0.86) } else { dim(shirt, 0.68) };
        let shoulder = if sideways {
            0.0
        } else if near {
            -0.115
        } else {
            0.115
        };
        let hand = if sideways { 0.13 * swing } else { shoulder * 1.25 };
        let elbow = ((shoulder + hand) / 2.0 - if sideways { 0.02 } else { 0.0 }, 0.62 + bob);
        let wrist = (hand + if sideways { 0.02 } else { 0.0 }, 0.48 + bob + 0.02 * swing.abs());
        canvas.limb(
            stand.to(shoulder, 0.77 + bob),
            stand.to(elbow.0, elbow.1),
            (0.042 * stand.unit, 0.034 * stand.unit),
            sleeve,
        );
        canvas.limb(
            stand.to(elbow.0, elbow.1),
            stand.to(wrist.0, wrist.1),
            (0.033 * stand.unit, 0.026 * stand.unit),
            sleeve,
        );
        canvas.ellipse(stand.to(wrist.0 + 0.005, wrist.1 - 0.02), stand.radii(0.026, 0.028), skin);
    };

    leg(canvas, -swing, -lift, false);
    arm(canvas, swing, false);
    leg(canvas, swing, lift, true);
    if look.is_multiple_of(5) {
        // A coat down to the knees.
        let hem = 0.34 + bob;
        canvas.convex(
            &[stand.to(-0.105, 0.62), stand.to(0.105, 0.62), stand.to(0.135, hem), stand.to(-0.135, hem)],
            dim(shirt, 0.92),
        );
    }
    let shoulders = if sideways { 0.098 } else { 0.125 };
    canvas.limb(
        stand.to(0.0, 0.54 + bob),
        stand.to(0.004, 0.755 + bob),
        (0.088 * stand.unit, shoulders * stand.unit),
        shirt,
    );
    // A lit side and a shaded one.
    canvas.veil(
        stand.to(0.0, 0.70 + bob),
        stand.radii(0.07, 0.13),
        blend(shirt, [255.0; 3], 0.35),
        0.28,
        true,
    );
    canvas.limb(
        stand.to(-0.07, 0.495 + bob),
        stand.to(0.07, 0.495 + bob),
        (0.016 * stand.unit, 0.016 * stand.unit),
        dim(trousers, 0.6),
    );
    if look % 4 == 1 {
        // A backpack.
        let bag = pick(&SHIRTS, look + 3, 1);
        let behind = if sideways { -0.125 } else { 0.0 };
        canvas.limb(
            stand.to(behind, 0.60 + bob),
            stand.to(behind, 0.74 + bob),
            (0.062 * stand.unit, 0.055 * stand.unit),
            dim(bag, 0.8),
        );
    }
    canvas.limb(
        stand.to(0.004, 0.82 + bob),
        stand.to(0.008, 0.87 + bob),
        (0.034 * stand.unit, 0.032 * stand.unit),
        dim(skin, 0.85),
    );
    let face = if sideways { 0.014 } else { 0.0 };
    let top = stand.to(0.004, 0.925 + bob);
    canvas.ellipse(top, stand.radii(0.066, 0.072), hair);
    if sideways || down > 0.0 {
        canvas.ellipse(stand.to(0.004 + face, 0.908 + bob), stand.radii(0.052, 0.062), skin);
        canvas.limb(
            stand.to(-0.03, 0.948 + bob),
            stand.to(0.036, 0.956 + bob),
            (0.026 * stand.unit, 0.018 * stand.unit),
            hair,
        );
    }
    arm(canvas, -swing, true);
    if look % 3 == 2 && sideways {
        // A shopping bag in the near hand.
        let hand = -0.13 * swing + 0.03;
        let bag = if look.is_multiple_of(2) { [236.0, 226.0, 200.0] } else { [120.0, 40.0, 60.0] };
        canvas.convex(
            &[
                stand.to(hand - 0.055, 0.43 + bob),
                stand.to(hand + 0.055, 0.43 + bob),
                stand.to(hand + 0.065, 0.27 + bob),
                stand.to(hand - 0.065, 0.27 + bob),
            ],
            bag,
        );
    }
}

/// A body's outline: how far each part reaches, in car heights from the middle; the front is positive.
struct Body {
    bonnet: f32,
    roof: (f32, f32),
    glass: (f32, f32),
    /// Height of the boot or tail over that of the bonnet.
    tail: f32,
}

const SALOON: Body = Body { bonnet: 0.60, roof: (-0.52, 0.30), glass: (-0.88, 0.72), tail: 0.02 };
const HATCHBACK: Body = Body { bonnet: 0.62, roof: (-0.92, 0.28), glass: (-1.22, 0.72), tail: 0.06 };
const VAN: Body = Body { bonnet: 0.66, roof: (-1.24, 0.52), glass: (-1.30, 0.90), tail: 0.30 };

fn car(canvas: &mut Canvas<'_>, look: u32, pose: &Pose) {
    let stand = Stand::of(pose);
    let body = [&SALOON, &HATCHBACK, &VAN, &SALOON][look as usize % 4];
    let paint = pick(&PAINTS, look, 1);
    let half = (pose.width * SCRIPT.0) as f32 / stand.unit / 2.0;
    let (rear, front) = (-half + 0.03, half - 0.03);
    let s = |x: f32| x * half / 1.42;

    canvas.veil(stand.to(0.0, 0.03), stand.radii(half * 1.02, 0.10), SHADOW, 0.16, false);
    canvas.veil(stand.to(0.0, 0.04), stand.radii(half * 0.96, 0.07), SHADOW, 0.30, false);

    // Cabin and roof.
    let shoulder = body.bonnet - 0.02;
    let cabin = [
        stand.to(s(body.glass.0), shoulder),
        stand.to(s(body.roof.0), 0.97),
        stand.to(s(body.roof.1), 0.97),
        stand.to(s(body.glass.1), shoulder),
    ];
    canvas.convex(&cabin, dim(paint, 0.92));
    canvas.limb(
        stand.to(s(body.roof.0 + 0.04), 0.955),
        stand.to(s(body.roof.1 - 0.04), 0.955),
        (0.04 * stand.unit, 0.04 * stand.unit),
        blend(paint, [255.0; 3], 0.25),
    );
    // Glass between the pillars.
    let glass = [52.0, 66.0, 78.0];
    let pane = |canvas: &mut Canvas<'_>, foot: (f32, f32), head: (f32, f32), colour: Rgb| {
        let (low, high) = (shoulder + 0.03, 0.90);
        canvas.convex(
            &[
                stand.to(s(foot.0), low),
                stand.to(s(head.0), high),
                stand.to(s(head.1), high),
                stand.to(s(foot.1), low),
            ],
            colour,
        );
    };
    let pillar = (body.glass.0 + body.glass.1) / 2.0 + 0.05;
    let van = body.tail > 0.2;
    let rear_pane = if van { pillar + 0.10 } else { body.glass.0 + 0.14 };
    if !van {
        pane(canvas, (rear_pane, pillar - 0.04), (body.roof.0 + 0.08, pillar - 0.04), glass);
    }
    let ahead = if van { pillar + 0.34 } else { pillar + 0.04 };
    pane(canvas, (ahead, body.glass.1 - 0.14), (ahead, body.roof.1 - 0.04), glass);
    pane(canvas, (ahead + 0.06, ahead + 0.20), (ahead + 0.14, ahead + 0.26), [112.0, 130.0, 142.0]);

    // Lower body with rounded ends, a light shoulder and a dark sill.
    let r = 0.13;
    let bar = |canvas: &mut Canvas<'_>, from: At, to: At, r: f32, colour: Rgb| {
        canvas.limb(stand.to(from.0, from.1), stand.to(to.0, to.1), (r * stand.unit, r * stand.unit), colour);
    };
    let (low, high) = (0.17, body.bonnet);
    canvas.convex(
        &[
            stand.to(rear + r, low),
            stand.to(rear, low + r),
            stand.to(rear, high + body.tail - r),
            stand.to(rear + r, high + body.tail),
            stand.to(s(0.75), high),
            stand.to(front - r * 1.2, high - 0.05),
            stand.to(front, high - 0.18),
            stand.to(front, low + r),
            stand.to(front - r, low),
        ],
        paint,
    );
    bar(
        canvas,
        (rear + 0.10, high - 0.07),
        (front - 0.26, high - 0.08),
        0.022,
        blend(paint, [255.0; 3], 0.35),
    );
    bar(canvas, (rear + 0.12, 0.22), (front - 0.12, 0.22), 0.05, dim(paint, 0.62));
    // Door seams and handles.
    for seam in [pillar, s(body.glass.1 - 0.16)] {
        bar(canvas, (seam, 0.26), (seam, high - 0.04), 0.008, dim(paint, 0.6));
    }
    bar(canvas, (pillar + 0.10, high - 0.14), (pillar + 0.20, high - 0.14), 0.014, dim(paint, 0.55));
    // Lights.
    canvas.ellipse(stand.to(front - 0.06, high - 0.20), stand.radii(0.07, 0.055), [250.0, 244.0, 214.0]);
    canvas.ellipse(stand.to(rear + 0.05, high - 0.14), stand.radii(0.045, 0.075), [190.0, 24.0, 24.0]);
    // Wheels.
    for wheel in [s(-0.86), s(0.88)] {
        canvas.ellipse(stand.to(wheel, 0.215), stand.radii(0.235, 0.235), dim(paint, 0.35));
        canvas.ellipse(stand.to(wheel, 0.20), stand.radii(0.20, 0.20), [26.0, 26.0, 28.0]);
        canvas.ellipse(stand.to(wheel, 0.20), stand.radii(0.115, 0.115), [150.0, 154.0, 160.0]);
        for spoke in [0.0, 1.0 / 3.0, 2.0 / 3.0] {
            let turn = pose.walked / 0.9 + spoke;
            let (u, v) = (wave(turn + 0.25) * 0.075, wave(turn) * 0.075);
            canvas.ellipse(stand.to(wheel + u, 0.20 - v), stand.radii(0.03, 0.03), [84.0, 88.0, 94.0]);
        }
    }
}
