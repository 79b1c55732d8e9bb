//! The street without anybody in it: sky, houses, trees, road and paved square, shaded point by point.

use super::{
    canvas::{Rgb, blend, cloud, dim, scatter},
    scene::HORIZON_PX,
};

/// Rows where one thing ends and the next begins, in script pixels.
const HOUSES_END: f32 = 88.0;
const FAR_KERB: f32 = 105.0;
const ROAD: (f32, f32) = (107.0, 178.0);
const LANES_MEET: f32 = 142.5;
const SQUARE_BEGINS: f32 = 183.0;

/// Points looked at per pixel and axis.
const SAMPLES: usize = 3;

/// The whole picture, three bytes a pixel.
pub(super) fn backdrop(width: usize, height: usize, scale: f32) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width * height * 3);
    let step = 1.0 / SAMPLES as f32;
    for row in 0..height {
        for column in 0..width {
            let mut sum = [0.0; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let x = (column as f32 + ((sample % SAMPLES) as f32 + 0.5) * step) / scale;
                let y = (row as f32 + ((sample / SAMPLES) as f32 + 0.5) * step) / scale;
                let colour = shade(x, y);
                sum = [0, 1, 2].map(|i| sum[i] + colour[i]);
            }
            pixels.extend(sum.map(|s| (s / (SAMPLES * SAMPLES) as f32).clamp(4.0, 251.0).round() as u8));
        }
    }
    pixels
}

fn shade(x: f32, y: f32) -> Rgb {
    let colour = if y < HOUSES_END {
        tree(x, y).or_else(|| house(x, y)).unwrap_or_else(|| sky(x, y))
    } else if let Some(trunk) = tree(x, y) {
        trunk
    } else if y < FAR_KERB {
        let slab = if (x / 14.0 + y * 0.4).rem_euclid(1.0) < 0.06 { 0.93 } else { 1.0 };
        dim([164.0, 160.0, 152.0], slab * (0.94 + 0.1 * cloud(x / 3.0, y / 2.0, 3)))
    } else if y < ROAD.1 {
        road(x, y)
    } else if y < SQUARE_BEGINS {
        kerb(x, y)
    } else {
        square(x, y)
    };
    // Light falls off a little towards the corners.
    let (u, v) = ((x - 320.0) / 320.0, (y - 200.0) / 200.0);
    dim(colour, 1.02 - 0.09 * (u * u + v * v) * 0.6)
}

fn sky(x: f32, y: f32) -> Rgb {
    let haze = blend([138.0, 178.0, 222.0], [206.0, 222.0, 236.0], (y / 55.0).min(1.0));
    let veil = cloud(x / 70.0, y / 16.0, 11) * 0.6 + cloud(x / 24.0, y / 7.0, 12) * 0.4;
    blend(haze, [248.0, 248.0, 248.0], ((veil - 0.45) * 2.2).clamp(0.0, 0.8))
}

/// A front: where it ends on the right, its roof's row, its storeys' height and its colour.
struct Front(f32, f32, f32, Rgb);

const FRONTS: [Front; 8] = [
    Front(74.0, 14.0, 21.0, [186.0, 148.0, 116.0]),
    Front(150.0, 4.0, 19.0, [206.0, 192.0, 164.0]),
    Front(222.0, 22.0, 20.0, [158.0, 92.0, 74.0]),
    Front(310.0, 10.0, 22.0, [196.0, 200.0, 202.0]),
    Front(384.0, 26.0, 19.0, [214.0, 178.0, 128.0]),
    Front(470.0, 6.0, 20.0, [142.0, 108.0, 92.0]),
    Front(548.0, 18.0, 21.0, [176.0, 186.0, 170.0]),
    Front(640.1, 2.0, 20.0, [198.0, 170.0, 150.0]),
];

fn house(x: f32, y: f32) -> Option<Rgb> {
    let number = FRONTS.iter().position(|front| x < front.0)?;
    let Front(right, roof, storey, paint) = &FRONTS[number];
    let left = if number == 0 { 0.0 } else { FRONTS[number - 1].0 };
    if y < *roof {
        return None;
    }
    let plaster = dim(*paint, 0.95 + 0.08 * cloud(x / 9.0, y / 9.0, 20 + number as u32));
    // The shaded edge towards the neighbour, and the eaves.
    if right - x < 1.6 || y - roof < 2.2 {
        return Some(dim(plaster, 0.72));
    }
    let above_street = HOUSES_END - y;
    if above_street < storey * 1.15 {
        return Some(shop(x - left, above_street / (storey * 1.15), right - left, number, plaster));
    }
    // Windows in even columns, storey upon storey.
    let columns = ((right - left) / 15.0).floor();
    let bay = (right - left) / columns;
    let (column, across) = (((x - left) / bay).floor(), ((x - left) / bay).rem_euclid(1.0));
    let floor = ((above_street - storey * 1.15) / storey).floor();
    let up = ((above_street - storey * 1.15) / storey).rem_euclid(1.0);
    let (dx, dy) = ((across - 0.5).abs(), (up - 0.52).abs());
    if y - roof < 6.0 || dx > 0.29 || dy > 0.36 {
        let ledge = dx < 0.34 && (0.10..0.16).contains(&up) && y - roof > 6.0;
        return Some(if ledge { blend(plaster, [240.0; 3], 0.4) } else { plaster });
    }
    if dx > 0.24 || dy > 0.31 || dx < 0.02 {
        return Some([226.0, 222.0, 214.0]);
    }
    let lit = scatter(column as i32, floor as i32, 40 + number as u32);
    let pane = blend([58.0, 72.0, 88.0], [150.0, 172.0, 190.0], (up - 0.2) * (0.5 + 0.5 * lit));
    Some(if lit > 0.86 { blend(pane, [236.0, 206.0, 150.0], 0.5) } else { pane })
}

/// The ground floor: a door and a shop window under an awning. `up` is 0 at the street, 1 below the first floor.
fn shop(x: f32, up: f32, width: f32, number: usize, plaster: Rgb) -> Rgb {
    const AWNINGS: [Rgb; 4] =
        [[168.0, 52.0, 48.0], [44.0, 94.0, 84.0], [48.0, 70.0, 122.0], [188.0, 132.0, 48.0]];
    let across = x / width;
    let door = (0.10..0.26).contains(&across);
    let window = (0.34..0.92).contains(&across);
    if (0.62..0.82).contains(&up) && (0.31..0.95).contains(&across) {
        let stripe = (x / 4.0).rem_euclid(2.0) < 1.0;
        let cloth = if stripe { AWNINGS[number % 4] } else { [226.0, 220.0, 206.0] };
        return dim(cloth, 0.8 + up * 0.25);
    }
    if door && up < 0.74 {
        let panel = (0.125..0.235).contains(&across) && (0.36..0.66).contains(&up);
        return if panel { [92.0, 108.0, 116.0] } else { dim(AWNINGS[(number + 1) % 4], 0.62) };
    }
    if window && (0.14..0.66).contains(&up) {
        let mullion = ((across - 0.34) / 0.145).rem_euclid(1.0) < 0.07;
        let goods = cloud(x / 2.6, up * 7.0, 60 + number as u32);
        let glow = blend([64.0, 70.0, 76.0], [214.0, 186.0, 140.0], goods * goods * 0.8);
        return if mullion { [60.0, 56.0, 52.0] } else { dim(glow, 0.75 + 0.4 * up) };
    }
    if up < 0.10 { dim(plaster, 0.7) } else { dim(plaster, 0.96) }
}

/// Street trees before the houses: middle of the crown and its size.
const TREES: [(f32, f32, f32); 5] =
    [(36.0, 60.0, 20.0), (186.0, 56.0, 23.0), (346.0, 60.0, 19.0), (508.0, 55.0, 24.0), (606.0, 61.0, 18.0)];

fn tree(x: f32, y: f32) -> Option<Rgb> {
    TREES.iter().enumerate().find_map(|(number, &(cx, cy, size))| {
        let (u, v) = ((x - cx) / size, (y - cy) / (size * 0.9));
        let ragged = cloud(x / 4.0, y / 4.0, 70 + number as u32) * 0.55 + cloud(x / 1.7, y / 1.7, 71) * 0.2;
        if u * u + v * v < 0.62 + ragged {
            let light = cloud(x / 3.2, y / 2.6, 72 + number as u32);
            let green = blend([38.0, 66.0, 34.0], [118.0, 146.0, 66.0], light);
            return Some(dim(green, 0.98 - 0.26 * (u * 0.5 + v)));
        }
        let trunk = (x - cx).abs() < 1.5 + (y - 92.0).max(0.0) * 0.12 && (cy..99.0).contains(&y);
        trunk.then(|| dim([86.0, 68.0, 52.0], 1.05 - 0.2 * (x - cx)))
    })
}

/// How many metres right of the middle and before the camera a point of the ground lies.
fn ground(x: f32, y: f32) -> (f32, f32) {
    // The camera hangs 7.3 m high, and 600 script pixels are its focal length.
    let depth = 7.3 * 600.0 / (y - HORIZON_PX as f32);
    ((x - 320.0) / 600.0 * depth, depth)
}

fn road(x: f32, y: f32) -> Rgb {
    if y < ROAD.0 {
        return dim([182.0, 180.0, 174.0], if y < FAR_KERB + 1.0 { 1.0 } else { 0.7 });
    }
    let (across, _) = ground(x, y);
    let grain = 0.90 + 0.10 * cloud(x / 1.3, y / 0.9, 31) + 0.10 * cloud(x / 46.0, y / 7.0, 32);
    // Tyres polish two tracks into each lane.
    let track = [117.0, 126.0, 153.0, 165.0].iter().map(|row| (y - row).abs()).fold(9.0, f32::min);
    let asphalt = dim([104.0, 104.0, 106.0], grain * (0.95 + 0.007 * track.min(8.0)));
    let edge = (y - 110.0).abs() < 0.5 || (y - 174.5).abs() < 0.8;
    let dash = (y - LANES_MEET).abs() < 0.75 && (across / 6.0).rem_euclid(1.0) < 0.45;
    if edge || dash { blend(asphalt, [226.0, 224.0, 214.0], 0.75) } else { asphalt }
}

fn kerb(x: f32, y: f32) -> Rgb {
    let joint = (ground(x, SQUARE_BEGINS).0 / 1.6).rem_euclid(1.0) < 0.03;
    let stone = dim([188.0, 185.0, 178.0], 0.95 + 0.08 * cloud(x / 2.0, y, 41));
    let face = if y < ROAD.1 + 1.8 { 0.68 } else { 1.0 };
    dim(stone, if joint { 0.8 } else { face })
}

/// Corners of the lighter paving, which marks the square that is counted: rows, then columns there.
const PLAZA: [(f32, f32, f32); 2] = [(216.0, 320.0, 576.0), (334.8, 294.4, 608.0)];

fn square(x: f32, y: f32) -> Rgb {
    let (across, depth) = ground(x, y);
    let [(top, l0, r0), (bottom, l1, r1)] = PLAZA;
    let share = (y - top) / (bottom - top);
    let (left, right) = (l0 + (l1 - l0) * share, r0 + (r1 - r0) * share);
    let plaza = (top..bottom).contains(&y) && (left..right).contains(&x);
    let slab = if plaza { 0.9 } else { 1.6 };
    // Every second row of slabs is laid half a slab aside.
    let row = (depth / slab).floor();
    let shift = if row.rem_euclid(2.0) < 1.0 { 0.0 } else { 0.5 };
    let (column, u) = ((across / slab + shift).floor(), (across / slab + shift).rem_euclid(1.0));
    let v = (depth / slab).rem_euclid(1.0);
    let tone = 0.955 + 0.07 * scatter(column as i32, row as i32, if plaza { 51 } else { 52 });
    let wear = 0.965 + 0.04 * cloud(x / 30.0, y / 14.0, 53) + 0.03 * cloud(x / 1.4, y / 1.1, 54);
    let stone: Rgb = if plaza { [196.0, 180.0, 158.0] } else { [178.0, 176.0, 172.0] };
    let joint = u < 0.025 || v < 0.04;
    let paved = dim(stone, tone * wear * if joint { 0.86 } else { 1.0 });
    let border = (top - 1.6..bottom + 2.2).contains(&y) && (left - 2.2..right + 2.2).contains(&x) && !plaza;
    if border {
        return dim([150.0, 118.0, 98.0], tone * wear);
    }
    // The threshold of the passage to the left of it.
    let half = (y - HORIZON_PX as f32) * 0.013;
    if (x - 236.8).abs() < half && (201.6..324.0).contains(&y) {
        let brick = dim([158.0, 112.0, 88.0], (0.9 + 0.2 * scatter((depth * 3.0) as i32, 0, 55)) * wear);
        let joint = (depth * 3.0).rem_euclid(1.0) < 0.12 || (x - 236.8).abs() > half * 0.86;
        return if joint { dim(brick, 0.8) } else { brick };
    }
    paved
}
