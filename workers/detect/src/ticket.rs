//! The claim to the detections of one frame.

use crossbeam_channel::{Receiver, Sender, bounded};

use camcount_domain::DetectedFrame;

use crate::DetectError;

/// What becomes of one frame.
pub(crate) type Answer = Result<DetectedFrame, DetectError>;

/// The claim to the detections of one submitted frame. Tickets may be waited for in any order, or dropped.
#[derive(Debug)]
pub struct Ticket {
    answer: Receiver<Answer>,
}

impl Ticket {
    /// A ticket and where its answer goes.
    pub(crate) fn pair() -> (Sender<Answer>, Self) {
        let (sender, answer) = bounded(1);
        (sender, Self { answer })
    }

    /// A ticket that is already answered.
    pub(crate) fn answered(answer: Answer) -> Self {
        let (sender, ticket) = Self::pair();
        // The channel is empty and its other end lives: this cannot fail.
        let _ = sender.send(answer);
        ticket
    }

    /// The frame's detections, as soon as they are known.
    ///
    /// # Errors
    /// What went wrong with this frame; other frames are not touched by it.
    pub fn wait(self) -> Result<DetectedFrame, DetectError> {
        self.answer.recv().unwrap_or(Err(DetectError::Closed))
    }
}
