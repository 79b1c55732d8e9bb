-- Counts rolled up over periods of the cameras' calendars. Sums and keys only: what is derived from them is in the
-- views, which also take the unplaced rows.

CREATE TABLE dirty_hours (
    pass    text   COLLATE "C" NOT NULL REFERENCES passes (id),
    hour_us bigint NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (pass, hour_us)
) WITH (fillfactor = 50);
COMMENT ON TABLE dirty_hours IS 'Hours of passes whose counts have changed since they were rolled up.';
COMMENT ON COLUMN dirty_hours.pass IS 'The pass.';
COMMENT ON COLUMN dirty_hours.hour_us IS 'Media time of the hour''s start, a full hour of UTC.';
COMMENT ON COLUMN dirty_hours.seq IS 'The last segment that changed it.';

ALTER TABLE passes ADD COLUMN rollup_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN passes.rollup_version IS
    'How often it was rolled up: of two who roll it up at once, one is refused.';

CREATE TABLE line_rollups (
    pass           text   COLLATE "C" NOT NULL,
    granularity    text   COLLATE "C" NOT NULL
                   CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us       bigint NOT NULL,
    line           text   COLLATE "C" NOT NULL,
    class          text   COLLATE "C" NOT NULL,
    count_in       bigint NOT NULL CHECK (count_in >= 0),
    count_out      bigint NOT NULL CHECK (count_out >= 0),
    confidence_sum bigint NOT NULL CHECK (confidence_sum >= 0),
    PRIMARY KEY (pass, granularity, start_us, line, class)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE line_rollups IS
    'Counts of one line, by class, over a period. No row: nobody crossed. To read, take counting_results.';
COMMENT ON COLUMN line_rollups.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN line_rollups.granularity IS 'How wide the period is.';
COMMENT ON COLUMN line_rollups.start_us IS 'Media time of the period''s start, in microseconds since 1970 (UTC).';
COMMENT ON COLUMN line_rollups.line IS 'The line''s name.';
COMMENT ON COLUMN line_rollups.class IS 'The class.';
COMMENT ON COLUMN line_rollups.count_in IS 'Crossings inwards.';
COMMENT ON COLUMN line_rollups.count_out IS 'Crossings outwards.';
COMMENT ON COLUMN line_rollups.confidence_sum IS 'Confidences of all crossings added up, in ten-thousandths.';

CREATE TABLE zone_rollups (
    pass          text   COLLATE "C" NOT NULL,
    granularity   text   COLLATE "C" NOT NULL
                  CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us      bigint NOT NULL,
    zone          text   COLLATE "C" NOT NULL,
    entered       bigint NOT NULL CHECK (entered >= 0),
    "left"        bigint NOT NULL CHECK ("left" >= 0),
    occupancy_min bigint NOT NULL CHECK (occupancy_min >= 0),
    occupancy_max bigint NOT NULL CHECK (occupancy_max >= occupancy_min),
    occupied_us   bigint NOT NULL,
    stationary_us bigint NOT NULL,
    PRIMARY KEY (pass, granularity, start_us, zone)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE zone_rollups IS 'How full one zone was over a period. To read, take zone_results.';
COMMENT ON COLUMN zone_rollups.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN zone_rollups.granularity IS 'How wide the period is.';
COMMENT ON COLUMN zone_rollups.start_us IS 'Media time of the period''s start.';
COMMENT ON COLUMN zone_rollups.zone IS 'The zone''s name.';
COMMENT ON COLUMN zone_rollups.entered IS 'Objects seen to come in.';
COMMENT ON COLUMN zone_rollups."left" IS 'Objects seen to leave.';
COMMENT ON COLUMN zone_rollups.occupancy_min IS 'Fewest objects inside in any looked-at frame.';
COMMENT ON COLUMN zone_rollups.occupancy_max IS 'Most objects inside in any looked-at frame.';
COMMENT ON COLUMN zone_rollups.occupied_us IS 'Objects inside, summed over time, in object-microseconds.';
COMMENT ON COLUMN zone_rollups.stationary_us IS 'Of these, by objects that stood still.';

CREATE TABLE coverage_rollups (
    pass        text   COLLATE "C" NOT NULL,
    granularity text   COLLATE "C" NOT NULL
                CHECK (granularity IN ('minute', 'hour', 'day', 'week', 'month')),
    start_us    bigint NOT NULL,
    observed_us bigint NOT NULL CHECK (observed_us >= 0),
    gap_us      bigint NOT NULL CHECK (gap_us >= 0),
    PRIMARY KEY (pass, granularity, start_us)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE coverage_rollups IS
    'How much of a period was really observed: a row for every period that has anything.';
COMMENT ON COLUMN coverage_rollups.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN coverage_rollups.granularity IS 'How wide the period is.';
COMMENT ON COLUMN coverage_rollups.start_us IS 'Media time of the period''s start.';
COMMENT ON COLUMN coverage_rollups.observed_us IS 'Time with frames, in microseconds.';
COMMENT ON COLUMN coverage_rollups.gap_us IS 'Time without, in microseconds.';

CREATE TABLE line_rollups_unplaced (LIKE line_rollups INCLUDING ALL);
CREATE TABLE zone_rollups_unplaced (LIKE zone_rollups INCLUDING ALL);
CREATE TABLE coverage_rollups_unplaced (LIKE coverage_rollups INCLUDING ALL);
COMMENT ON TABLE line_rollups_unplaced IS 'Roll-ups of lines in months that are not open.';
COMMENT ON TABLE zone_rollups_unplaced IS 'Roll-ups of zones in months that are not open.';
COMMENT ON TABLE coverage_rollups_unplaced IS 'Roll-ups of coverage in months that are not open.';
