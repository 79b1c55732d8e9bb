//! The bytes of a picture, in memory that is used again.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::mpsc::SyncSender,
};

/// The bytes of one picture. Their memory goes back, when they are dropped, to whom it came from: pictures are large, there
/// are many of them, and memory that comes anew from the kernel every time costs as much as reading them.
#[derive(Default)]
pub struct Pixels {
    bytes: Vec<u8>,
    home: Option<SyncSender<Vec<u8>>>,
}

impl Pixels {
    /// `bytes` whose memory is sent to `home` in the end, if there is room and somebody listens.
    #[must_use]
    pub fn lent(bytes: Vec<u8>, home: SyncSender<Vec<u8>>) -> Self {
        Self { bytes, home: Some(home) }
    }
}

impl Drop for Pixels {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // Otherwise it is freed as usual.
            let _ = home.try_send(std::mem::take(&mut self.bytes));
        }
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl FromIterator<u8> for Pixels {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        bytes.into_iter().collect::<Vec<_>>().into()
    }
}

/// A copy has memory of its own.
impl Clone for Pixels {
    fn clone(&self) -> Self {
        self.bytes.clone().into()
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Who changes them keeps them: what goes back is as it came.
impl DerefMut for Pixels {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.home = None;
        &mut self.bytes
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Pixels {}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn memory_goes_back_when_the_last_use_ends() {
        let (home, spare) = sync_channel(1);
        let pixels = Pixels::lent(vec![1, 2, 3], home.clone());
        let copy = pixels.clone();
        assert!(spare.try_recv().is_err());
        drop(pixels);
        assert_eq!(spare.try_recv().unwrap(), [1, 2, 3]);
        assert_eq!(copy, Pixels::from(vec![1, 2, 3]));
        drop(copy);
        assert!(spare.try_recv().is_err());
        let mut changed = Pixels::lent(vec![1], home.clone());
        changed[0] = 2;
        drop(changed);
        assert!(spare.try_recv().is_err());
        // No room, and then nobody there: it is freed.
        drop([1, 2].map(|byte| Pixels::lent(vec![byte], home.clone())));
        assert_eq!(spare.try_recv().unwrap(), [1]);
        drop(spare);
        drop(Pixels::lent(vec![1], home));
    }
}
