//! Backdrops of the blocks that are being looked at: sampled once a process, by whoever comes first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use camcount_detect::Backdrop;
use camcount_domain::{MediaSpan, Picture};

/// Blocks that are remembered although nobody looks at them: for the next job, which mostly goes on where another
/// ended. Few, so that a long recording takes no more memory than a short one.
const REMEMBERED: usize = 2;

/// Empty until the block is sampled. Locked meanwhile: whoever else wants this block waits for it.
type Slot = Arc<Mutex<Option<Arc<Backdrop>>>>;

/// What a backdrop depends on.
#[derive(Clone, PartialEq)]
pub(crate) struct Block {
    /// The recording.
    pub(crate) source: String,
    /// The block of media time.
    pub(crate) span: MediaSpan,
    /// The frames that it is made from.
    pub(crate) picture: Picture,
}

/// The backdrops that somebody holds, and the last few besides.
#[derive(Default)]
pub(crate) struct Backdrops {
    slots: Mutex<VecDeque<(Block, Slot)>>,
}

impl Backdrops {
    /// The backdrop of `block`, by `sample` if it is not there yet; `None` when that finds none. Then, and after
    /// an error, the next one samples again.
    pub(crate) fn get<E>(
        &self,
        block: Block,
        sample: impl FnOnce() -> Result<Option<Backdrop>, E>,
    ) -> Result<Option<Arc<Backdrop>>, E> {
        let slot = self.slot(block);
        let mut backdrop = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if backdrop.is_none() {
            *backdrop = sample()?.map(Arc::new);
        }
        Ok(backdrop.clone())
    }

    fn slot(&self, block: Block) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == block) {
            return Arc::clone(slot);
        }
        let mut surplus =
            slots.iter().filter(|(_, slot)| is_idle(slot)).count().saturating_sub(REMEMBERED - 1);
        slots.retain(|(_, slot)| {
            let forgotten = surplus > 0 && is_idle(slot);
            surplus -= usize::from(forgotten);
            !forgotten
        });
        let slot = Slot::default();
        slots.push_back((block, Arc::clone(&slot)));
        slot
    }
}

/// Whether nobody samples it, waits for it or holds its backdrop.
fn is_idle(slot: &Slot) -> bool {
    let held = |backdrop: &Option<Arc<Backdrop>>| backdrop.as_ref().is_some_and(|b| Arc::strong_count(b) > 1);
    Arc::strong_count(slot) == 1 && slot.try_lock().is_ok_and(|backdrop| !held(&backdrop))
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        thread,
    };

    use camcount_domain::{Fit, Frame, FrameSize, MediaTime, PixelFormat};

    use super::*;

    fn block(number: i64) -> Block {
        let size = FrameSize { width: 1, height: 1 };
        Block {
            source: "a.mp4".to_owned(),
            span: MediaSpan { start: MediaTime(number), end: MediaTime(number + 1) },
            picture: Picture { size, fit: Fit::Stretch, pixels: PixelFormat::Gray },
        }
    }

    fn backdrop(level: u8) -> Option<Backdrop> {
        Backdrop::median(&[Frame { time: MediaTime(0), data: vec![level].into() }])
    }

    #[test]
    fn of_many_who_want_a_block_one_samples_it() {
        let (backdrops, sampled) = (Backdrops::default(), Mutex::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let got = backdrops.get(block(1), || {
                        *sampled.lock().unwrap() += 1;
                        Ok::<_, ()>(backdrop(7))
                    });
                    assert_eq!(got.unwrap().as_deref(), backdrop(7).as_ref());
                });
            }
        });
        assert_eq!(*sampled.lock().unwrap(), 1);
    }

    #[test]
    fn a_block_that_could_not_be_sampled_is_tried_again() {
        let backdrops = Backdrops::default();
        assert_eq!(backdrops.get(block(1), || Err("stopped")), Err("stopped"));
        assert_eq!(backdrops.get(block(1), || Ok::<_, ()>(None)), Ok(None));
        let panicked =
            catch_unwind(AssertUnwindSafe(|| backdrops.get::<()>(block(1), || panic!("for the test"))));
        assert!(panicked.is_err());
        assert!(backdrops.get(block(1), || Ok::<_, ()>(backdrop(7))).unwrap().is_some());
    }

    #[test]
    fn the_last_few_are_remembered() {
        let backdrops = Backdrops::default();
        let get = |number| backdrops.get(block(number), || Ok::<_, ()>(backdrop(7)));
        for number in 0..=REMEMBERED as i64 {
            assert!(get(number).unwrap().is_some());
        }
        assert!(backdrops.get(block(1), || Err("sampled again")).is_ok());
        assert_eq!(backdrops.get(block(0), || Err("sampled again")), Err("sampled again"));
        assert_eq!(backdrops.slots.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn what_is_held_is_remembered() {
        let backdrops = Backdrops::default();
        let get = |number| backdrops.get(block(number), || Ok::<_, ()>(backdrop(7))).unwrap();
        let held = [get(0), get(1)];
        for number in 2..20 {
            get(number);
        }
        assert!(backdrops.get(block(0), || Err("sampled again")).is_ok());
        drop(held);
        get(20);
        assert_eq!(backdrops.slots.lock().unwrap().len(), REMEMBERED);
    }
}
