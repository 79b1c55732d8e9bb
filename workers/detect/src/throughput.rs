//! How fast a model runs when nothing else is done: the limit that a pipeline is held against.

use std::{
    mem::swap,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use camcount_domain::{Frame, FrameSize};

use crate::{DetectError, OnnxOptions, model::Model, network::Network};

/// Runs a model over tensors that are ready, made of `frames` as its detector wants them of footage of
/// `source` pixels, on as many sessions as a detector
/// opened with `options` has, each looking at `batches` batches. Returns how many pictures that was and how long it took,
/// opening and making tensors apart.
///
/// # Errors
/// Whatever keeps the model from being used.
pub fn inference_alone(
    options: &OnnxOptions,
    source: FrameSize,
    frames: &[Frame],
    batches: usize,
) -> Result<(usize, Duration), DetectError> {
    let model = Model::load(options, &Model::read(options)?)?;
    let first = model.fitted(source)?;
    let (shape, preparation) = (first.shape, first.recognised.layout.preparation());
    let (planes, levels) = (preparation.planes(), preparation.levels());
    let mut networks = model.networks(first)?;
    let sessions = networks.len();
    // Every session has its own of them, a full batch each.
    let tensors = |network: &mut Network, own: usize| -> Vec<_> {
        let batches = frames.chunks_exact(shape.batch).skip(own).step_by(sessions);
        let made = batches.map(|batch| {
            for (slot, frame) in batch.iter().enumerate() {
                network.fill(slot, &frame.data, 0..shape.height as usize, planes, &levels);
            }
            network.buffer().clone()
        });
        made.collect()
    };
    let fails = |source| DetectError::ModelFails { path: options.model.clone(), source };
    // Every session is warm, and they begin together.
    let ready = Barrier::new(sessions + 1);
    thread::scope(|scope| {
        let running: Vec<_> = networks
            .iter_mut()
            .enumerate()
            .map(|(own, network)| {
                let mut tensors = tensors(network, own);
                let ready = &ready;
                scope.spawn(move || {
                    let warm = network.run(|_| ());
                    ready.wait();
                    warm?;
                    let turns = tensors.len().max(1);
                    (0..batches).try_for_each(|batch| {
                        if let Some(tensor) = tensors.get_mut(batch % turns) {
                            swap(network.buffer(), tensor);
                        }
                        network.run(|_| ())
                    })
                })
            })
            .collect();
        ready.wait();
        let started = Instant::now();
        for session in running {
            // Running a model does not panic; if it did, that is no measurement.
            session.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(fails)?;
        }
        Ok((sessions * batches * shape.batch, started.elapsed()))
    })
}
