//! `camcount watch`: the counts of a camera as they grow, from the live feed.
//!
//! The store is the truth. The feed is listened to first, then the store is read, and what the feed tells is added where
//! it follows what is known; wherever it does not, the store is read again. It is also read every few seconds, since the
//! feed may lose the last segment for now, and nobody would hear of that.

mod screen;
mod watched;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use camcount_aggregate::Calendar;
use camcount_domain::{LiveCounts, MediaSpan, MediaTime, PassId, Ruleset, SegmentCounted, Seq, Taken};
use camcount_queue::{Counters, Day, Heard};
use camcount_store::{CameraEntry, PassState, Postgres, PostgresOptions, Store};
use clap::Args;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::{screen::Screen, watched::Watched};
use crate::{cli::Misuse, commands::camera::called, config::Config, interrupt, live, wall_clock, wiring};

const EXAMPLES: &str = "\
Examples:
  camcount watch gate
  camcount watch gate --since \"2026-05-01 08:00\"
  camcount watch gate --json | jq 'select(.lines[].in > 100)'

Counts are shown as soon as they are committed: behind the clock by as much as workers are. Ctrl-C ends it.";

/// The store is read this often, whatever the feed tells.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the clock changes is shown this often.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `watch`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    /// Count from this date or time on, by the camera's clock; today begins anew at the camera's midnight
    #[arg(long, default_value = "today", value_name = "TIME|today")]
    since: String,
    /// Print JSON, one object a line: what is known at first, and every segment as it is counted
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: &WatchArgs, config: &Config) -> Result<ExitCode> {
    if !config.is_shared() {
        bail!(Misuse(
            "there is no live feed in a data folder, for one process works in it at a time; use camcount counts, or \
             set DATABASE_URL and NATS_URL or REDIS_URL to watch what many machines count"
                .to_owned()
        ));
    }
    // Blobs are not needed, so they need not be named.
    let store = Postgres::connect(&PostgresOptions::new(config.database_url()?)).await?;
    let camera = called(&store, &args.name).await?;
    let since = Since::read(&args.since, Calendar::of(&camera.time_zone)?)?;
    let feed = wiring::feed(config).await?;
    let _heeding = interrupt::heed_quietly();
    let mut listener = feed.listen(camera.camera.id).await?;
    let within = since.span();
    let mut watch = Watch {
        store: Arc::new(store),
        camera,
        since,
        within,
        passes: Vec::new(),
        counters: wiring::counters(config)?,
        screen: Screen::new(args.json),
    };
    watch.read().await?;
    if watch.passes.is_empty() {
        bail!("nothing counts {}; give it rules with `camcount rules set {} --line …`", args.name, args.name);
    }
    let [mut look, mut show] = [LOOK_EVERY, SHOW_EVERY].map(|every| {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    loop {
        tokio::select! {
            heard = listener.next() => match heard {
                Heard::Counted(counted) => watch.hear(&counted).await?,
                Heard::Missed => watch.read_if_there().await?,
            },
            _ = look.tick() => watch.read_if_there().await?,
            _ = show.tick() => watch.tick().await?,
            () = interrupt::asked(1) => break,
        }
    }
    watch.screen.end();
    Ok(ExitCode::SUCCESS)
}

/// From when on is counted.
struct Since {
    calendar: Calendar,
    /// `None` for the day that it is.
    from: Option<MediaTime>,
}

impl Since {
    fn read(text: &str, calendar: Calendar) -> Result<Self> {
        if text == "today" {
            return Ok(Self { calendar, from: None });
        }
        let from = calendar.read(text).with_context(|| {
            Misuse(format!(
                "{text:?} is no date or time; write it like 2026-05-01 or \"2026-05-01 08:00\", or today"
            ))
        })?;
        Ok(Self { calendar, from: Some(from) })
    }

    /// The media time that is counted now.
    fn span(&self) -> MediaSpan {
        let from = |start| MediaSpan { start, end: MediaTime::MAX };
        match self.from {
            Some(start) => from(start),
            None => self.today().map_or_else(|| from(MediaTime::MIN), |day| day.span),
        }
    }

    /// The day that it is, where that is watched.
    fn today(&self) -> Option<Day> {
        let now = MediaTime(wall_clock::now().0);
        live::day(&self.calendar, now).filter(|_| self.from.is_none())
    }
}

/// What is known of a camera.
struct Watch {
    store: Arc<dyn Store>,
    camera: CameraEntry,
    since: Since,
    within: MediaSpan,
    /// In the order of their first segments.
    passes: Vec<Watched>,
    /// A quicker way to the counts of today, where there is one.
    counters: Option<Counters>,
    screen: Screen,
}

impl Watch {
    /// Takes in what the store knows that is not known here, and shows it.
    async fn read(&mut self) -> Result<()> {
        for PassState { id, pass, last, next } in self.store.passes(Some(self.camera.camera.id)).await? {
            let known = self.passes.iter().position(|watched| watched.pass == id);
            if known.is_some_and(|known| self.passes[known].counts.next >= next) {
                continue;
            }
            let rules = self.store.ruleset(&pass.ruleset).await?;
            let counts = self.counts(&id, &rules, next).await?;
            let finished = last.is_some_and(|last| next > last);
            if known.is_none()
                && finished
                && counts.lines.is_empty()
                && counts.observed_us + counts.gap_us == 0
            {
                // It ended before all that is watched.
                continue;
            }
            let watched = Watched { pass: id, rules, ruleset: pass.ruleset, detector: pass.detector, counts };
            let at = match known {
                Some(known) => {
                    self.passes[known] = watched;
                    known
                }
                None => {
                    self.passes.push(watched);
                    self.passes.len() - 1
                }
            };
            self.show(at, None)?;
        }
        Ok(())
    }

    /// What a pass has counted in what is watched, at least up to `next`: of today as the counters have it, where there
    /// are some that are as far, and otherwise as the store has it.
    async fn counts(&mut self, pass: &PassId, rules: &Ruleset, next: Seq) -> Result<LiveCounts> {
        let today = self.since.today().filter(|day| day.span == self.within);
        let of_today = self.counters.as_ref().zip(today.as_ref());
        if let Some((counters, day)) = of_today {
            match counters.read(pass, day).await {
                Ok(Some(counts)) if counts.next >= next => return Ok(counts),
                Ok(_) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        "counters are done without; what was counted is read from the store"
                    );
                    self.counters = None;
                }
            }
        }
        let zones = rules.zones.iter().map(|zone| zone.name.clone());
        let counts = live::so_far(&*self.store, pass, zones, self.within).await?;
        if let Some((counters, day)) = self.counters.as_ref().zip(today.as_ref())
            && let Err(error) = counters.put(pass, day, &counts).await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "counters were not brought up to date");
        }
        Ok(counts)
    }

    /// As [`read`](Self::read); a store that is away is asked again later.
    async fn read_if_there(&mut self) -> Result<()> {
        match self.read().await {
            Err(error) if error.is::<camcount_store::StoreError>() => {
                tracing::warn!(error = format!("{error:#}"), "what was counted meanwhile is not known yet");
                Ok(())
            }
            done => done,
        }
    }

    /// Takes in what the feed tells.
    async fn hear(&mut self, counted: &SegmentCounted) -> Result<()> {
        let Some(at) = self.passes.iter().position(|watched| watched.pass == counted.pass) else {
            // A pass that began since, or one that has nothing in what is watched yet.
            return self.read_if_there().await;
        };
        match self.passes[at].counts.take(counted, self.within) {
            Taken::Now => self.show(at, Some(counted)),
            Taken::Before => Ok(()),
            Taken::Ahead => self.read_if_there().await,
        }
    }

    /// Lets a second pass: the lag grows, and a day may end.
    async fn tick(&mut self) -> Result<()> {
        let within = self.since.span();
        if within.start != self.within.start {
            self.within = within;
            self.passes.clear();
            return self.read_if_there().await;
        }
        self.screen.refresh(&self.heading(), &self.passes)
    }

    fn show(&mut self, at: usize, counted: Option<&SegmentCounted>) -> Result<()> {
        let added = counted.map(|counted| LiveCounts::of(counted, self.within).lines);
        let heading = self.heading();
        self.screen.show(&heading, &self.passes, at, added.as_ref())
    }

    fn heading(&self) -> Heading {
        Heading {
            camera: self.camera.camera.name.clone(),
            calendar: self.since.calendar.clone(),
            since: self.within.start,
            now: MediaTime(wall_clock::now().0),
        }
    }
}

/// What all that is shown has in common.
struct Heading {
    camera: String,
    calendar: Calendar,
    since: MediaTime,
    /// By the clock on the wall.
    now: MediaTime,
}
