//! Those in this process who wait for a lease of one lane. An adapter's task for the lane sees how many they are,
//! asks its broker for that many jobs, and gives out what comes; whoever stops waiting takes nothing with him.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camcount_domain::Lane;
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
};

use crate::{Lease, QueueError};

type Answer = Result<Lease, QueueError>;

#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    /// Somebody came or went. For the lane's task alone.
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct State {
    waiters: VecDeque<oneshot::Sender<Answer>>,
    /// Leases that nobody waits for.
    spare: Vec<Lease>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a lease. Cancel-safe: a lease that comes too late for this waiter is another's or spare.
    pub(crate) async fn wait(self: &Arc<Self>) -> Answer {
        let (waiter, answer) = oneshot::channel();
        {
            let mut state = self.state();
            if let Some(lease) = state.spare.pop() {
                return Ok(lease);
            }
            state.waiters.push_back(waiter);
        }
        self.changed.notify_one();
        let mut place = Place { waiting: Arc::clone(self), answer };
        match (&mut place.answer).await {
            Ok(answer) => answer,
            // Waiters are only dropped with all that this belongs to, and this is a part of it.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many wait now.
    pub(crate) fn count(&self) -> usize {
        let mut state = self.state();
        state.waiters.retain(|waiter| !waiter.is_closed());
        state.waiters.len()
    }

    /// Gives a lease to the first who waits.
    pub(crate) fn give(&self, mut lease: Lease) {
        let mut state = self.state();
        while let Some(waiter) = state.waiters.pop_front() {
            match waiter.send(Ok(lease)) {
                Err(Ok(back)) => lease = back,
                _ => return,
            }
        }
        state.spare.push(lease);
        self.changed.notify_one();
    }

    /// Takes the leases that nobody waits for.
    pub(crate) fn take_spare(&self) -> Vec<Lease> {
        std::mem::take(&mut self.state().spare)
    }

    /// Tells all who wait that there is trouble.
    pub(crate) fn fail(&self, trouble: impl Fn() -> QueueError) {
        for waiter in std::mem::take(&mut self.state().waiters) {
            // Who does not listen any more need not know.
            let _ = waiter.send(Err(trouble()));
        }
    }
}

/// A place among those who wait.
struct Place {
    waiting: Arc<Waiting>,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.answer.close();
        if let Ok(Ok(lease)) = self.answer.try_recv() {
            self.waiting.give(lease);
        }
        self.waiting.changed.notify_one();
    }
}

/// One task a lane, started when the first waits for it. They end when this is dropped.
#[derive(Default)]
pub(crate) struct LaneTasks {
    started: Mutex<Started>,
}

#[derive(Default)]
struct Started {
    lanes: HashMap<Lane, Arc<Waiting>>,
    tasks: JoinSet<()>,
}

impl LaneTasks {
    /// Those who wait for `lane`; `serve` makes the task that serves them.
    pub(crate) fn waiting<F>(&self, lane: Lane, serve: impl FnOnce(Arc<Waiting>) -> F) -> Arc<Waiting>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let Started { lanes, tasks } = &mut *started;
        let waiting = lanes.entry(lane).or_insert_with(|| {
            let waiting = Arc::<Waiting>::default();
            tasks.spawn(serve(Arc::clone(&waiting)));
            waiting
        });
        Arc::clone(waiting)
    }
}
