//! What the figures say, for people.

use std::num::NonZeroUsize;

use crate::runs::{Pipeline, Speed};

/// Everything once, in turn.
pub(crate) struct Round {
    pub(crate) inference: Speed,
    pub(crate) decoding: Speed,
    pub(crate) pipeline: Pipeline,
    pub(crate) python: Option<Speed>,
}

/// The median, and the least and the most.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// `None` without values.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Self { median: values[values.len() / 2], least, most })
    }
}

/// A row: what, and two figures a round.
fn row<'s>(what: &str, speeds: impl Iterator<Item = &'s Speed> + Clone) {
    let Some(fps) = Spread::of(speeds.clone().map(|speed| speed.fps)) else { return };
    let cpu = Spread::of(speeds.map(|speed| speed.cpu_ms)).unwrap();
    println!(
        "  {what:22} {:8.1} ({:.1} to {:.1}) {:12.2} ({:.2} to {:.2})",
        fps.median, fps.least, fps.most, cpu.median, cpu.least, cpu.most
    );
}

/// Prints what was measured; returns the pipeline's speed in relation to the slower limit, and to Python's pipeline.
/// Where inference has all of the cores, that many are `shared` with decoding.
pub(crate) fn tell(rounds: &[Round], shared: Option<NonZeroUsize>) -> (f64, Option<f64>) {
    println!("  {:22} {:>8}  {:>32}", "", "frames/s", "processor ms/frame");
    row("pipeline", rounds.iter().map(|round| &round.pipeline.speed));
    row("inference alone", rounds.iter().map(|round| &round.inference));
    row("decoding alone", rounds.iter().map(|round| &round.decoding));
    row("Python's pipeline", rounds.iter().filter_map(|round| round.python.as_ref()));

    let of_the_limit = |round: &Round| round.pipeline.speed.fps / round.inference.fps.min(round.decoding.fps);
    let of_the_limit = Spread::of(rounds.iter().map(of_the_limit)).unwrap();
    let both_ms = |round: &Round| round.inference.cpu_ms + round.decoding.cpu_ms;
    let over = |round: &Round| Some(round.pipeline.speed.fps / round.python.as_ref()?.fps);
    let over_python = Spread::of(rounds.iter().filter_map(over));
    println!("  pipeline to the slower of both alone: {}", ratio(&of_the_limit));
    if let Some(cores) = shared {
        let at_most = |round: &Round| 1e3 * cores.get() as f64 / both_ms(round);
        let at_most = Spread::of(rounds.iter().map(at_most)).unwrap();
        println!(
            "  both share the cores, so at most {:.1} frames/s with nothing else on them",
            at_most.median
        );
    }
    let of_both = |round: &Round| both_ms(round) / round.pipeline.speed.cpu_ms;
    let of_both = Spread::of(rounds.iter().map(of_both)).unwrap();
    println!("  processor time of both alone to the pipeline's: {}", ratio(&of_both));
    if let Some(over) = &over_python {
        println!("  pipeline to Python's: {}", ratio(over));
    }

    let of_pipelines = |value: fn(&Pipeline) -> f64| {
        Spread::of(rounds.iter().map(|round| value(&round.pipeline))).unwrap().median
    };
    println!(
        "  before the first segment and after the last: {:.2} s; peak memory {:.0} MiB, largest FFmpeg {:.0} MiB",
        of_pipelines(|pipeline| pipeline.around_s),
        of_pipelines(|pipeline| pipeline.memory.program_kib as f64 / 1024.0),
        of_pipelines(|pipeline| pipeline.memory.child_kib as f64 / 1024.0)
    );
    println!("  ms/frame, of all workers and all sessions together:");
    for group in [
        &["decoding", "detecting", "encoding", "keeping", "folding", "committing"][..],
        &["waiting", "filling", "inferring", "reading"],
    ] {
        let spent = |stage: &&str| Spread::of(rounds.iter().map(|round| round.pipeline.spent_ms[*stage]));
        let parts = group.iter().map(|stage| format!("{stage} {:.3}", spent(stage).unwrap().median));
        println!("    {}", parts.collect::<Vec<_>>().join(", "));
    }
    (of_the_limit.median, over_python.map(|over| over.median))
}

fn ratio(spread: &Spread) -> String {
    format!("{:.2} ({:.2} to {:.2})", spread.median, spread.least, spread.most)
}
