//! What probing tells, and how pictures are laid out.

use camcount_decode::Ffmpeg;
use camcount_domain::{Fit, FrameSize, MediaSpan, MediaTime, Picture, PixelFormat};

use crate::footage::{EVERY, Studio, real, recording};

#[test]
fn real_clips_are_known() {
    let Some(source) = real("street_people_1280x720.mp4") else { return };
    let probe = Ffmpeg::default().probe(&source).unwrap();
    assert_eq!((probe.codec.as_str(), probe.seeks_exactly), ("h264", true));
    assert_eq!(probe.frame_size, FrameSize { width: 1280, height: 720 });
    assert_eq!((probe.duration_us, probe.start_us, probe.frame_interval_us), (Some(10_477_133), 0, 33_366));
    assert_eq!(probe.creation_time, None);

    let Some(source) = real("vtest_pets09s2l1_480x360.mp4") else { return };
    let created = Ffmpeg::default().probe(&source).unwrap().creation_time;
    assert_eq!(created, Some("2023-02-20T01:39:35Z".parse::<MediaTime>().unwrap()));
}

#[test]
fn rotated_pictures_are_shown_upright() {
    let studio = Studio::new();
    studio
        .ffmpeg("flat.mp4", &["-f", "lavfi", "-i", "color=red:s=64x32:r=10:d=1,drawbox=w=32:c=blue:t=fill"]);
    let source = studio.ffmpeg("turned.mp4", &["-i", "flat.mp4", "-c", "copy", "-metadata:s:v", "rotate=90"]);
    let ffmpeg = Ffmpeg::default();
    let recording = recording(&ffmpeg, &source);
    assert_eq!(recording.frame_size, FrameSize { width: 32, height: 64 });
    let picture = Picture {
        size: FrameSize { width: 64, height: 64 },
        fit: Fit::TopLeft { pad: 7 },
        pixels: PixelFormat::Rgb,
    };
    let frame = ffmpeg.frames(&recording, MediaSpan::ALL, EVERY, &picture).unwrap().next().unwrap().unwrap();
    let pixel = |x: usize, y: usize| -> [u8; 3] { frame.data[(y * 64 + x) * 3..][..3].try_into().unwrap() };
    // The left half is blue. FFmpeg writes "90" as a quarter turn to the left, which puts it at the bottom.
    let [red, _, blue] = pixel(16, 8);
    assert!(red > 200 && blue < 50);
    let [red, _, blue] = pixel(16, 56);
    assert!(blue > 200 && red < 50);
    assert_eq!(pixel(40, 30), [7, 7, 7]);
}

#[test]
fn pictures_are_laid_out_as_placement_says() {
    let studio = Studio::new();
    let source =
        studio.ffmpeg("white.mkv", &["-f", "lavfi", "-i", "color=white:s=100x50:r=5:d=1", "-c:v", "ffv1"]);
    let ffmpeg = Ffmpeg::default();
    let recording = recording(&ffmpeg, &source);
    let size = FrameSize { width: 61, height: 47 };
    for fit in [Fit::Stretch, Fit::TopLeft { pad: 114 }, Fit::Centre { pad: 114 }] {
        for pixels in [PixelFormat::Rgb, PixelFormat::Bgr, PixelFormat::GbrPlanes, PixelFormat::Gray] {
            let picture = Picture { size, fit, pixels };
            let frame =
                ffmpeg.frames(&recording, MediaSpan::ALL, EVERY, &picture).unwrap().next().unwrap().unwrap();
            let (left, top, width, height) = picture.placement(recording.frame_size);
            for y in 0..size.height {
                for x in 0..size.width {
                    let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                    let at = (y * size.width + x) as usize * pixels.bytes();
                    let want = if inside { 250..=255 } else { 114..=114 };
                    let plane = frame.data.len() / pixels.bytes();
                    let got: Vec<u8> = (0..pixels.bytes())
                        .map(|n| match pixels {
                            PixelFormat::GbrPlanes => frame.data[n * plane + (y * size.width + x) as usize],
                            _ => frame.data[at + n],
                        })
                        .collect();
                    assert!(got.iter().all(|byte| want.contains(byte)), "{picture:?} at {x},{y}: {got:?}");
                }
            }
        }
    }
}

#[test]
fn red_and_blue_are_not_swapped() {
    let studio = Studio::new();
    let source =
        studio.ffmpeg("red.mkv", &["-f", "lavfi", "-i", "color=red:s=64x64:r=5:d=1", "-c:v", "ffv1"]);
    let ffmpeg = Ffmpeg::default();
    let recording = recording(&ffmpeg, &source);
    for (pixels, red, blue) in
        [(PixelFormat::Rgb, 0, 2), (PixelFormat::Bgr, 2, 0), (PixelFormat::GbrPlanes, 128, 64)]
    {
        let picture = Picture { size: FrameSize { width: 8, height: 8 }, fit: Fit::Stretch, pixels };
        let frame =
            ffmpeg.frames(&recording, MediaSpan::ALL, EVERY, &picture).unwrap().next().unwrap().unwrap();
        assert!(frame.data[red] > 240 && frame.data[blue] < 15, "{pixels:?}: {:?}", frame.data);
    }
}

#[test]
fn pixels_that_are_not_square_are_made_so() {
    let studio = Studio::new();
    let source = studio.shoot("sar.mp4", 1, 5, &["-vf", "setsar=12/11"]);
    let size = Ffmpeg::default().probe(&source).unwrap().frame_size;
    assert_eq!(size, FrameSize { width: 349, height: 240 });
}
