//! When work is due. The store says what is missing; [`Reconciler`] asks it and publishes jobs. It keeps
//! nothing in mind between two ticks, so any number of schedulers may tick, at any time, and deleting the
//! whole queue loses no work.

mod cron;
mod leases;
mod plan;
mod reconcile;
pub mod record;
mod scaling;
mod upkeep;

pub use cron::{BadCron, CronExpression};
pub use leases::Leaseholder;
pub use plan::{PlanError, plan_pass};
pub use reconcile::{Due, ReconcileError, Reconciler};
pub use scaling::{Load, allowed, desired_workers};
pub use upkeep::Upkeep;
