//! How a decoded frame becomes the picture that a detector wants.

use camcount_domain::{Fit, FrameSize, Picture, PixelFormat};

/// FFmpeg's filters that make a `picture` of a frame of `source` pixels.
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
        && (width, height) != (size.width, size.height)
    {
        filters +=
            &format!(",pad={}:{}:{left}:{top}:color=0x{pad:02x}{pad:02x}{pad:02x}", size.width, size.height);
    }
    filters
}
