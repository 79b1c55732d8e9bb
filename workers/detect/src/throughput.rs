//! How fast a model runs when nothing else is done: the limit that a pipeline is held against.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{DetectError, OnnxOptions, graph::Graph, input::input_shape, network::Network, onnx::Model};

/// Runs a model over tensors that are ready, on as many sessions as a detector opened with `options` has, each
/// looking at `batches` batches. Returns how many pictures that was and how long it took, opening apart.
///
/// # Errors
/// Whatever keeps the model from being used.
pub fn inference_alone(options: &OnnxOptions, batches: usize) -> Result<(usize, Duration), DetectError> {
    let bytes = Model::read(options)?;
    let model = Model::load(options, &bytes)?;
    let first = model.session()?;
    let shape = input_shape(&Graph::of(&first), options)?;
    let sessions = options.sessions().get();
    let mut networks = vec![Network::new(first, shape)];
    for _ in 1..sessions {
        networks.push(Network::new(model.session()?, shape));
    }
    let fails = |source| DetectError::ModelFails { path: options.model.clone(), source };
    // Every session is warm, and they begin together.
    let ready = Barrier::new(sessions + 1);
    thread::scope(|scope| {
        let running: Vec<_> = networks
            .iter_mut()
            .map(|network| {
                scope.spawn(|| {
                    let warm = network.run(|_| ());
                    ready.wait();
                    warm?;
                    (0..batches).try_for_each(|_| network.run(|_| ()))
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
