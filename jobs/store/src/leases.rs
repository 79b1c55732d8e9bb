//! Leases: who leads, and who records which camera.
//!
//! The store keeps no time of them. Every renewal is a beat; whoever wants a lease watches the beats by a clock of
//! their own, and takes it when none came for long enough. So no two machines' clocks are compared, and while the
//! store is away no lease lapses. A lease is no fence: what its holder stores must be safe without it.

use std::time::Duration;

use async_trait::async_trait;

use crate::StoreError;

/// A lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// What is leased.
    pub name: String,
    /// The process that has it.
    pub holder: String,
    /// How often it was taken or renewed.
    pub beat: i64,
    /// How long ago the last time was, by the database's clock: for people. Who takes leases watches beats.
    pub idle: Duration,
}

/// The store's part in leasing.
#[async_trait]
pub trait Leases {
    /// The leases whose names begin with `prefix`, in the order of their names.
    async fn leases(&self, prefix: &str) -> Result<Vec<HeldLease>, StoreError>;

    /// Takes a lease that nobody has (`seen` is `None`), or whose last beat is `seen`. Returns whether it is the
    /// holder's now; if not, somebody else was faster, or it was renewed.
    async fn take_lease(&self, name: &str, holder: &str, seen: Option<i64>) -> Result<bool, StoreError>;

    /// Renews all that `holder` has of names beginning with `prefix`; returns their names in order.
    async fn renew_leases(&self, prefix: &str, holder: &str) -> Result<Vec<String>, StoreError>;

    /// Forgets leases of names beginning with `prefix` that nobody has renewed for `idle`.
    async fn forget_leases(&self, prefix: &str, idle: Duration) -> Result<(), StoreError>;

    /// Gives a lease back, if `holder` has it.
    async fn drop_lease(&self, name: &str, holder: &str) -> Result<(), StoreError>;
}
