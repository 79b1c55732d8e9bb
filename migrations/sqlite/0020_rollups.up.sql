-- Hours of passes whose counts have changed since they were rolled up.
CREATE TABLE dirty_hours (
    pass    TEXT    NOT NULL REFERENCES passes (id),
    hour_us INTEGER NOT NULL,  -- the hour's start, a full hour of UTC
    seq     INTEGER NOT NULL,  -- the last segment that changed it
    PRIMARY KEY (pass, hour_us)
) STRICT, WITHOUT ROWID;

-- How often a pass was rolled up: of two who roll it up at once, one is refused.
ALTER TABLE passes ADD COLUMN rollup_version INTEGER NOT NULL DEFAULT 0;

-- Counts of one line, by class, over a period of the camera's calendar. No row: nobody crossed.
CREATE TABLE line_rollups (
    pass           TEXT    NOT NULL REFERENCES passes (id),
    granularity    TEXT    NOT NULL CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us       INTEGER NOT NULL,
    line           TEXT    NOT NULL,
    class          TEXT    NOT NULL,
    count_in       INTEGER NOT NULL,
    count_out      INTEGER NOT NULL,
    confidence_sum INTEGER NOT NULL,  -- of all crossings, in ten-thousandths
    PRIMARY KEY (pass, granularity, start_us, line, class)
) STRICT, WITHOUT ROWID;

-- How full one zone was over a period.
CREATE TABLE zone_rollups (
    pass          TEXT    NOT NULL REFERENCES passes (id),
    granularity   TEXT    NOT NULL CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us      INTEGER NOT NULL,
    zone          TEXT    NOT NULL,
    entered       INTEGER NOT NULL,
    left          INTEGER NOT NULL,
    occupancy_min INTEGER NOT NULL,
    occupancy_max INTEGER NOT NULL,
    occupied_us   INTEGER NOT NULL,  -- object-microseconds
    stationary_us INTEGER NOT NULL,
    PRIMARY KEY (pass, granularity, start_us, zone)
) STRICT, WITHOUT ROWID;

-- How much of a period was really observed: a row for every period that has anything.
CREATE TABLE coverage_rollups (
    pass        TEXT    NOT NULL REFERENCES passes (id),
    granularity TEXT    NOT NULL CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us    INTEGER NOT NULL,
    observed_us INTEGER NOT NULL,
    gap_us      INTEGER NOT NULL,
    PRIMARY KEY (pass, granularity, start_us)
) STRICT, WITHOUT ROWID;
