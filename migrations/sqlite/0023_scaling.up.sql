-- How many workers lanes were to have, as it changed.
CREATE TABLE scaling_log (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    lane      TEXT    NOT NULL,
    workers   INTEGER NOT NULL,
    waiting   INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    behind_ms INTEGER NOT NULL,
    at        TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP  -- wall time
) STRICT;
