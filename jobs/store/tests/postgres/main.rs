//! The shared store on a real server: it passes the suite, holds when many race, and its months come and go under
//! whatever happens meanwhile.
#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod conforms;
mod footage;
mod indexes;
mod ingest;
mod migrating;
mod months;
mod racing;
mod results;
mod schema;
