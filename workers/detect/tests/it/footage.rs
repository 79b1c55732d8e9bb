//! Real footage for the tests, decoded with the `ffmpeg` command.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use camcount_domain::{Fit, Frame, FrameSize, MediaTime, Picture, PixelFormat};

/// A file of the test data; says so and gives `None` where there is none.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CAMCOUNT_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: no test data at {} (set CAMCOUNT_TEST_DATA)", path.display());
    None
}

/// Every `step`-th frame of a video with `interval_us` between frames, laid out as `picture` asks.
pub(crate) fn frames(
    video: &str,
    source: FrameSize,
    picture: Picture,
    step: usize,
    interval_us: i64,
) -> Option<Vec<Frame>> {
    let path = data(&format!("videos/{video}"))?;
    let (x, y, width, height) = picture.placement(source);
    let pad = match picture.fit {
        Fit::TopLeft { pad } | Fit::Centre { pad } => pad,
        Fit::Stretch => 0,
    };
    let format = match picture.pixels {
        PixelFormat::Rgb => "rgb24",
        PixelFormat::Bgr => "bgr24",
        PixelFormat::GbrPlanes => "gbrp",
        PixelFormat::Gray => "gray",
    };
    let (full, high) = (picture.size.width, picture.size.height);
    let rgb = if format == "gray" { "gray" } else { "gbrp" };
    let filter = format!(
        "select='not(mod(n\\,{step}))',scale={width}:{height},format={rgb},\
         pad={full}:{high}:{x}:{y}:color=0x{pad:02x}{pad:02x}{pad:02x}"
    );
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-vf", &filter, "-vsync", "0", "-f", "rawvideo", "-pix_fmt", format, "-"])
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let frames = output.stdout.chunks_exact(picture.bytes()).zip(0..);
    Some(
        frames
            .map(|(data, n)| Frame {
                time: MediaTime(n * step as i64 * interval_us),
                data: data.to_vec().into(),
            })
            .collect(),
    )
}
