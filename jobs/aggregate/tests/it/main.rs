//! Rolling up on a real store: whenever, in whatever parts and by however many, it comes to the same.
#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod footage;
mod properties;
mod reading;
mod rolling;
