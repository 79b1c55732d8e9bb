//! One line of MOTChallenge text.

use camcount_domain::{BBox, Fit, FrameSize, Picture, PixelFormat, TrackId};

/// The class of rows that name none: the benchmark is about pedestrians.
const UNNAMED: u16 = 1;

/// The highest frame number: 9 days at 12.5 frames/s. Beyond it some other column was taken for the frame.
const LAST_FRAME: u32 = 10_000_000;

/// A row as written.
pub(super) struct Row {
    pub(super) frame: u32,
    pub(super) track: Option<TrackId>,
    pub(super) bbox: BBox,
    pub(super) confidence: Option<f32>,
    pub(super) class: u16,
}

/// What a line holds.
pub(super) enum Parsed {
    Row(Row),
    Outside,
    Nothing,
}

impl Row {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, size: FrameSize) -> Result<Parsed, String> {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(Parsed::Nothing);
        }
        let columns: Vec<&str> = if text.contains(',') {
            text.trim_end_matches(',').split(',').map(str::trim).collect()
        } else {
            text.split_whitespace().collect()
        };
        if !(6..=10).contains(&columns.len()) {
            let found = columns.len();
            return Err(format!(
                "{found} columns; a row is frame,id,left,top,width,height and up to four more"
            ));
        }
        let number = |column: usize, name: &str| {
            let text = columns[column];
            let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
            value.ok_or_else(|| format!("{name} (column {}) is {text:?}, no number", column + 1))
        };
        // Trackers write whole numbers with decimals.
        let whole = |column: usize, name: &str| {
            let value = number(column, name)?;
            let fits = value.fract() == 0.0 && value.abs() < 1e15;
            fits.then_some(value as i64)
                .ok_or_else(|| format!("{name} (column {}) is {value}, no whole number", column + 1))
        };
        let frame = whole(0, "frame")?;
        let frame =
            u32::try_from(frame).ok().filter(|frame| (1..=LAST_FRAME).contains(frame)).ok_or_else(|| {
                format!("frame (column 1) is {frame}; frames are numbered from 1 to {LAST_FRAME}")
            })?;
        let track = u64::try_from(whole(1, "id")?).ok().map(TrackId);
        let (left, top) = (number(2, "left")?, number(3, "top")?);
        let (width, height) = (number(4, "width")?, number(5, "height")?);
        if width < 0.0 || height < 0.0 {
            return Err(format!("the box is {width} wide and {height} high; neither may be negative"));
        }
        let confidence = if columns.len() > 6 { number(6, "confidence")? as f32 } else { -1.0 };
        let class = if matches!(columns.len(), 8 | 9) { whole(7, "class")? } else { -1 };
        let picture = Picture { size, fit: Fit::Stretch, pixels: PixelFormat::Rgb };
        let corners = [left, top, left + width, top + height].map(|v| v as f32);
        Ok(picture.to_source(corners, size).map_or(Parsed::Outside, |bbox| {
            Parsed::Row(Self {
                frame,
                track,
                bbox,
                confidence: (confidence != -1.0).then_some(confidence),
                class: u16::try_from(class).ok().filter(|class| *class > 0).unwrap_or(UNNAMED),
            })
        }))
    }
}
