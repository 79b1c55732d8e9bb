//! Hour, day, week and month roll-ups of counts, from what has changed.
