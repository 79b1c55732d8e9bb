//! Months of the shared store, kept coming and going: the job that opens them ahead, moves in the rows that lie aside,
//! goes on with what was interrupted, and detaches what is kept long enough.
//!
//! All of it follows from what the database says, so running it twice, at once or a day later, changes nothing, and a
//! run that is killed anywhere is made up for by the next one. Nothing is ever dropped here.

use camcount_store::{Month, MonthState, Postgres, StoreError};

/// Months that are to be open ahead, at least. Below it somebody has to look, for rows are about to lie aside.
pub const LOW_HEADROOM: u32 = 2;

/// How far ahead months are opened, and how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollover {
    /// Months to open after this one.
    pub ahead: u32,
    /// Months to keep before this one; `None` for all. Older ones are detached.
    pub keep: Option<u32>,
}

impl Default for Rollover {
    fn default() -> Self {
        // A quarter of a year: time enough for whoever has to look.
        Self { ahead: 3, keep: None }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledOver {
    /// Months that were opened.
    pub opened: Vec<Month>,
    /// Months that were detached, begun now or before.
    pub detached: Vec<Month>,
    /// Months that are open ahead now.
    pub headroom: u32,
}

impl Rollover {
    /// Brings the months to where they should be. May be dropped at any time.
    ///
    /// # Errors
    /// The first trouble, once everything else was tried: the database is away, or a reader holds on to a month for too
    /// long.
    pub async fn run(self, store: &Postgres) -> Result<RolledOver, StoreError> {
        let mut done = RolledOver::default();
        let mut trouble = None;
        for month in store.months_wanted(self.ahead).await? {
            match store.open_month(month).await {
                Ok(true) => {
                    tracing::info!(%month, "opened a month");
                    done.opened.push(month);
                }
                Ok(false) => tracing::info!(%month, "moved rows into their month"),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        // After the months ahead, for these have to wait for readers.
        let mut leaving: Vec<Month> = (store.months().await?.into_iter())
            .filter(|status| status.state == MonthState::Detaching)
            .map(|status| status.month)
            .collect();
        if let Some(keep) = self.keep {
            leaving.extend(store.months_outlived(keep).await?);
        }
        for month in leaving {
            match store.detach_month(month).await {
                Ok(()) => {
                    tracing::info!(%month, "detached a month");
                    done.detached.push(month);
                }
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        done.headroom = headroom(store).await?;
        trouble.map_or(Ok(done), Err)
    }
}

/// Months that are open ahead; when these are few, a warning is logged. Whoever lives for long asks often, so that it is
/// noticed also when no months are opened any more.
///
/// # Errors
/// When the database fails.
pub async fn headroom(store: &Postgres) -> Result<u32, StoreError> {
    let headroom = store.months_ahead().await?;
    if headroom < LOW_HEADROOM {
        tracing::warn!(
            headroom,
            "hardly any month is open ahead, and counts of others lie aside; run camcount partitions ensure, and see \
             why the rollover job did not"
        );
    }
    Ok(headroom)
}
