//! Backdrops of the blocks that are being looked at: sampled once a process, by whoever comes first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use camcount_decode::{DecodeError, Ffmpeg};
use camcount_detect::{Backdrop, BackdropWanted};
use camcount_domain::{MediaSpan, MediaTime, Picture, Rate, Recording};

/// Blocks that are remembered: more than a process works on at a time, and a megabyte or so each.
const REMEMBERED: usize = 32;

type Slot = Arc<Mutex<Option<Option<Arc<Backdrop>>>>>;

#[derive(PartialEq)]
struct Key {
    source: String,
    block: MediaSpan,
    picture: Picture,
}

/// The last few backdrops.
#[derive(Default)]
pub(crate) struct Backdrops {
    slots: Mutex<VecDeque<(Key, Slot)>>,
}

impl Backdrops {
    /// The backdrop of `block`; `None` when no frame of it can be decoded.
    pub(crate) fn get(
        &self,
        footage: &Ffmpeg,
        recording: &Recording,
        block: MediaSpan,
        wanted: BackdropWanted,
        picture: &Picture,
    ) -> Result<Option<Arc<Backdrop>>, DecodeError> {
        let slot = self.slot(Key { source: recording.source.clone(), block, picture: *picture });
        let mut backdrop = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if backdrop.is_none() {
            *backdrop = Some(sample(footage, recording, block, wanted, picture)?.map(Arc::new));
        }
        Ok(backdrop.clone().flatten())
    }

    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == key) {
            return Arc::clone(slot);
        }
        if slots.len() == REMEMBERED {
            slots.pop_front();
        }
        let slot = Slot::default();
        slots.push_back((key, Arc::clone(&slot)));
        slot
    }
}

/// Looks at the block at the rate that yields the wanted number of samples.
fn sample(
    footage: &Ffmpeg,
    recording: &Recording,
    block: MediaSpan,
    wanted: BackdropWanted,
    picture: &Picture,
) -> Result<Option<Backdrop>, DecodeError> {
    let per_sample_us = (block.len_us() / i64::from(wanted.samples.max(1))).max(1);
    let rate = Rate { millihertz: u32::try_from(1_000_000_000 / per_sample_us).unwrap_or(u32::MAX).max(1) };
    // Containers round their ends, so the outer blocks are open.
    let span = MediaSpan {
        start: if block.start <= recording.span.start { MediaTime::MIN } else { block.start },
        end: if block.end >= recording.span.end { MediaTime::MAX } else { block.end },
    };
    let samples = footage.frames(recording, span, rate, picture)?.collect::<Result<Vec<_>, _>>()?;
    Ok(Backdrop::median(&samples))
}
