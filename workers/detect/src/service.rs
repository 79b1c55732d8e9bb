//! The inference service: one bounded queue of frames, fed by all jobs of the process, and one thread a
//! session that empties it. It outlives every error and panic of a single frame.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use camcount_domain::{Confidence, DetectedFrame, Detection, Frame, FrameSize, Picture};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    DetectError, Ticket,
    classes::Family,
    layouts::Layout,
    network::{Levels, Network, Output},
    suppress::suppress,
    ticket::Answer,
};

/// How answers are read; the same for all sessions.
pub(crate) struct Reading {
    pub(crate) picture: Picture,
    pub(crate) layout: Arc<dyn Layout>,
    /// Which plane of a picture becomes which channel of the input.
    pub(crate) planes: [usize; 3],
    pub(crate) levels: Levels,
    pub(crate) families: Vec<Family>,
    pub(crate) floor: Confidence,
    /// See [`suppress`].
    pub(crate) overlap: i64,
    pub(crate) batch: usize,
}

struct Request {
    frame: Frame,
    source: FrameSize,
    reply: Sender<Answer>,
}

pub(crate) struct Service {
    queue: Option<Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl Service {
    /// Starts one thread for each of `networks`.
    pub(crate) fn start(networks: Vec<Network>, reading: &Arc<Reading>) -> Result<Self, DetectError> {
        // One batch being looked at and one waiting, for every session.
        let (queue, requests) = bounded(2 * networks.len() * reading.batch);
        let mut service = Self { queue: Some(queue), threads: Vec::new() };
        for (number, network) in networks.into_iter().enumerate() {
            let (requests, reading) = (requests.clone(), Arc::clone(reading));
            let thread = Builder::new()
                .name(format!("infer-{number}"))
                .spawn(move || work(network, &requests, &reading))
                .map_err(|source| DetectError::NoThread { source })?;
            service.threads.push(thread);
        }
        Ok(service)
    }

    /// Queues a frame; blocks while the queue is full.
    pub(crate) fn submit(&self, frame: Frame, source: FrameSize) -> Ticket {
        let (reply, ticket) = Ticket::pair();
        if let Some(queue) = &self.queue {
            // When all threads are gone the request is dropped, and the ticket says that it was closed.
            let _ = queue.send(Request { frame, source, reply });
        }
        ticket
    }
}

impl Drop for Service {
    /// Answers what is queued, then ends the threads.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A panic of the thread has been answered in the tickets.
            let _ = thread.join();
        }
    }
}

/// Where a session's time went.
#[derive(Default)]
struct Spent {
    frames: usize,
    waiting: Duration,
    filling: Duration,
    inferring: Duration,
    reading: Duration,
}

fn work(mut network: Network, requests: &Receiver<Request>, reading: &Reading) {
    let mut spent = Spent::default();
    loop {
        let waiting = Instant::now();
        let Ok(first) = requests.recv() else { break };
        spent.waiting += waiting.elapsed();
        let mut batch = vec![first];
        // Take what is there; waiting for a fuller batch would delay live cameras.
        batch.extend(requests.try_iter().take(reading.batch - 1));
        spent.frames += batch.len();
        let answers = look(&mut network, &batch, reading, &mut spent);
        let alone = batch.len() == 1;
        for (request, answer) in batch.into_iter().zip(answers) {
            // One bad frame fails its whole batch: the others get another chance, each by itself.
            let answer = match answer {
                Err(_) if !alone => look(&mut network, std::slice::from_ref(&request), reading, &mut spent)
                    .pop()
                    .unwrap_or(Err(DetectError::Closed)),
                answer => answer,
            };
            // Nobody need be waiting any more.
            let _ = request.reply.send(answer);
        }
    }
    let ms = |spent: Duration| spent.as_millis() as u64;
    tracing::debug!(
        frames = spent.frames,
        waiting_ms = ms(spent.waiting),
        filling_ms = ms(spent.filling),
        inferring_ms = ms(spent.inferring),
        reading_ms = ms(spent.reading),
        "session ended"
    );
}

/// Looks at a batch; one answer a request, whatever happens.
fn look(network: &mut Network, batch: &[Request], reading: &Reading, spent: &mut Spent) -> Vec<Answer> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let started = Instant::now();
        for (slot, request) in batch.iter().enumerate() {
            let (_, top, _, height) = reading.picture.placement(request.source);
            let rows = top as usize..(top + height) as usize;
            network.fill(slot, &request.frame.data, rows, reading.planes, &reading.levels);
        }
        for slot in batch.len()..reading.batch {
            network.clear(slot);
        }
        let filled = Instant::now();
        spent.filling += filled - started;
        network.run(|outputs| -> Vec<Answer> {
            let inferred = Instant::now();
            spent.inferring += inferred - filled;
            let answers =
                batch.iter().enumerate().map(|(slot, request)| read(outputs, slot, request, reading));
            let answers = answers.collect();
            spent.reading += inferred.elapsed();
            answers
        })
    }));
    match outcome {
        Ok(Ok(answers)) => answers,
        Ok(Err(cause)) => {
            let message = cause.to_string();
            let failed = |request: &Request| DetectError::Inference {
                time: request.frame.time,
                source: message.clone().into(),
            };
            batch.iter().map(|request| Err(failed(request))).collect()
        }
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            let failed = |request: &Request| DetectError::Panicked {
                time: request.frame.time,
                message: message.clone(),
            };
            batch.iter().map(|request| Err(failed(request))).collect()
        }
    }
}

fn read(outputs: &[Output<'_>], slot: usize, request: &Request, reading: &Reading) -> Answer {
    let time = request.frame.time;
    if let Some(odd) = outputs.iter().find(|output| !output.is_finite(slot)) {
        return Err(DetectError::NotFinite { time, output: odd.name.to_owned() });
    }
    let found = reading.layout.read(outputs, slot, reading.floor);
    let placed = found.into_iter().filter_map(|candidate| {
        let bbox = reading.picture.to_source(candidate.pixels, request.source)?;
        Some(Detection { bbox, class: candidate.class, confidence: candidate.confidence })
    });
    let detections = suppress(placed.collect(), &reading.families, reading.overlap);
    Ok(DetectedFrame { time, detections })
}

#[cfg(test)]
#[path = "../tests/it/tiny.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod tiny;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use camcount_domain::{Fit, MediaTime, PixelFormat};

    use super::{
        tiny::{Twist, model},
        *,
    };
    use crate::{
        Device,
        layouts::{Candidate, Preparation},
        library,
        network::{InputShape, open_session},
    };

    /// Panics when the model answers brightly.
    struct Fragile;

    impl Layout for Fragile {
        fn name(&self) -> &'static str {
            "fragile"
        }

        fn preparation(&self) -> Preparation {
            let fit = Fit::Stretch;
            Preparation { fit, pixels: PixelFormat::Rgb, mean: [0.0; 3], divisor: [255.0; 3] }
        }

        fn classes(&self) -> usize {
            1
        }

        fn read(&self, outputs: &[Output<'_>], slot: usize, _floor: Confidence) -> Vec<Candidate> {
            assert!(outputs[0].slot(slot)[0] < 1.0, "too bright");
            Vec::new()
        }
    }

    #[test]
    fn a_panic_is_one_tickets_error() {
        let Ok(loaded) = library::load(None) else {
            eprintln!("SKIPPED: ONNX Runtime is not installed; run infra/setup");
            return;
        };
        let model = model(Twist::Mixing, None, "");
        let session = open_session(&loaded, Device::CPU, Path::new("tiny"), &model).unwrap();
        let shape = InputShape::planes(2, 64, 64);
        let size = FrameSize { width: 64, height: 64 };
        let reading = Arc::new(Reading {
            picture: Picture { size, fit: Fit::Stretch, pixels: PixelFormat::GbrPlanes },
            layout: Arc::new(Fragile),
            planes: [0, 1, 2],
            levels: Fragile.preparation().levels(),
            families: Vec::new(),
            floor: Confidence(1000),
            overlap: 6000,
            batch: 2,
        });
        let service = Service::start(vec![Network::new(session, shape)], &reading).unwrap();
        let levels = [0, 255, 0, 0, 255, 0];
        let frame =
            |level| Frame { time: MediaTime(i64::from(level)), data: vec![level; 3 * 64 * 64].into() };
        let tickets: Vec<_> = levels.iter().map(|level| service.submit(frame(*level), size)).collect();
        for (level, ticket) in levels.into_iter().zip(tickets) {
            match (level, ticket.wait()) {
                (0, Ok(_)) => {}
                (255, Err(DetectError::Panicked { time, message })) => {
                    assert_eq!((time, message.as_str()), (MediaTime(255), "too bright"));
                }
                (level, other) => panic!("{level}: {other:?}"),
            }
        }
    }
}
