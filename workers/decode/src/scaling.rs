//! How a decoded frame becomes the picture that a detector wants.

use std::ops::Range;

use camcount_domain::{Fit, FrameSize, Picture, PixelFormat};

/// FFmpeg's filters that make a `picture` of a frame of `source` pixels, but for bars above and below: they are the same in
/// all pictures, and need not go through the pipe.
#[must_use]
pub fn scaling(picture: &Picture, source: FrameSize) -> String {
    let Picture { size, fit, pixels } = *picture;
    let (left, top, width, height) = picture.placement(source);
    // The flags beyond `bilinear` ask for rounding that does not depend on the processor's instructions.
    let mut filters = format!(
        "scale={width}:{height}:flags=bilinear+accurate_rnd+bitexact,format={}",
        match pixels {
            PixelFormat::Rgb => "rgb24",
            PixelFormat::Bgr => "bgr24",
            PixelFormat::GbrPlanes => "gbrp",
            PixelFormat::Gray => "gray",
        }
    );
    if let Fit::TopLeft { pad } | Fit::Centre { pad } = fit
        && width != size.width
    {
        filters +=
            &format!(",pad={}:{}:{left}:{top}:color=0x{pad:02x}{pad:02x}{pad:02x}", size.width, size.height);
    }
    filters
}

/// The parts of a `picture`'s bytes that go through the pipe, in their order.
pub(crate) fn parts(picture: &Picture, source: FrameSize) -> Vec<Range<usize>> {
    let (_, top, width, height) = picture.placement(source);
    if width != picture.size.width || height == picture.size.height {
        return std::iter::once(0..picture.bytes()).collect();
    }
    let planes = if picture.pixels == PixelFormat::GbrPlanes { 3 } else { 1 };
    let plane = picture.bytes() / planes;
    let row = plane / picture.size.height as usize;
    let (first, last) = (top as usize * row, (top + height) as usize * row);
    (0..planes).map(|number| number * plane + first..number * plane + last).collect()
}

/// An empty picture: nothing but the fill.
pub(crate) fn blank(picture: &Picture) -> Vec<u8> {
    let pad = match picture.fit {
        Fit::TopLeft { pad } | Fit::Centre { pad } => pad,
        Fit::Stretch => 0,
    };
    vec![pad; picture.bytes()]
}
