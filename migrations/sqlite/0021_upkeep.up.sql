-- Jobs that are due by a cron expression.
CREATE TABLE upkeep (
    kind   TEXT    NOT NULL PRIMARY KEY,
    due_us INTEGER NOT NULL  -- the last time at which it was due and published, wall time
) STRICT, WITHOUT ROWID;
