-- Counts, partitioned by month of media time (UTC). Each key is also the order in which the rows are read, so no
-- table needs a second index. There is no default partition: none could be detached concurrently beside it. Rows of
-- months that are not open lie in the table of the same name with `_unplaced`, and reads take both.
--
-- None references passes: the commit that stores them moves the pass's cursor or fails, whereas a foreign key would
-- look the pass up for every row (COPY took four times as long), and make opening a month wait for every commit.

CREATE TABLE crossings (
    pass       text    COLLATE "C" NOT NULL,
    media_us   bigint  NOT NULL,
    line       text    COLLATE "C" NOT NULL,
    track      bigint  NOT NULL,
    direction  text    COLLATE "C" NOT NULL CHECK (direction IN ('in', 'out')),
    ordinal    bigint  NOT NULL,
    class      text    NOT NULL,
    confidence bigint  NOT NULL CHECK (confidence BETWEEN 0 AND 10000),
    stitched   boolean NOT NULL,
    seq        bigint  NOT NULL,
    PRIMARY KEY (pass, media_us, line, track, direction, ordinal)
) PARTITION BY RANGE (media_us);
COMMENT ON TABLE crossings IS 'One object crossing one line in one direction: the atoms of counting.';
COMMENT ON COLUMN crossings.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN crossings.media_us IS 'When the path met the line, in microseconds since 1970 (UTC).';
COMMENT ON COLUMN crossings.line IS 'The line''s name.';
COMMENT ON COLUMN crossings.track IS 'The root track.';
COMMENT ON COLUMN crossings.direction IS 'in (from the left of A to B to its right) or out.';
COMMENT ON COLUMN crossings.ordinal IS 'Crossings of this line in this direction that the track had before.';
COMMENT ON COLUMN crossings.class IS 'The class that the track''s votes favour.';
COMMENT ON COLUMN crossings.confidence IS 'Mean confidence of these votes, in ten-thousandths.';
COMMENT ON COLUMN crossings.stitched IS 'Whether it took joining two tracks to see it.';
COMMENT ON COLUMN crossings.seq IS 'The segment that committed it.';

CREATE TABLE visits (
    pass          text    COLLATE "C" NOT NULL,
    entered_us    bigint  NOT NULL,
    zone          text    COLLATE "C" NOT NULL,
    track         bigint  NOT NULL,
    ordinal       bigint  NOT NULL,
    class         text    NOT NULL,
    left_us       bigint  NOT NULL CHECK (left_us >= entered_us),
    stationary_us bigint  NOT NULL,
    saw_entry     boolean NOT NULL,
    saw_exit      boolean NOT NULL,
    seq           bigint  NOT NULL,
    PRIMARY KEY (pass, entered_us, zone, track, ordinal)
) PARTITION BY RANGE (entered_us);
COMMENT ON TABLE visits IS 'Stays in zones, once they have ended.';
COMMENT ON COLUMN visits.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN visits.entered_us IS 'Media time when the object came in.';
COMMENT ON COLUMN visits.zone IS 'The zone''s name.';
COMMENT ON COLUMN visits.track IS 'The root track.';
COMMENT ON COLUMN visits.ordinal IS 'Visits to this zone that the track had before.';
COMMENT ON COLUMN visits.class IS 'The class that the track''s votes favour.';
COMMENT ON COLUMN visits.left_us IS 'Media time when it left, or was seen last.';
COMMENT ON COLUMN visits.stationary_us IS 'How long it stood still, in microseconds.';
COMMENT ON COLUMN visits.saw_entry IS 'Whether it was seen to come in.';
COMMENT ON COLUMN visits.saw_exit IS 'Whether it was seen to leave.';
COMMENT ON COLUMN visits.seq IS 'The segment that committed it.';

CREATE TABLE line_buckets (
    pass      text   COLLATE "C" NOT NULL,
    start_us  bigint NOT NULL,
    line      text   COLLATE "C" NOT NULL,
    class     text   COLLATE "C" NOT NULL,
    count_in  bigint NOT NULL CHECK (count_in >= 0),
    count_out bigint NOT NULL CHECK (count_out >= 0),
    PRIMARY KEY (pass, start_us, line, class)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE line_buckets IS 'Counts of one line, by class, over ten seconds.';
COMMENT ON COLUMN line_buckets.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN line_buckets.start_us IS 'Media time of the bucket''s start.';
COMMENT ON COLUMN line_buckets.line IS 'The line''s name.';
COMMENT ON COLUMN line_buckets.class IS 'The class.';
COMMENT ON COLUMN line_buckets.count_in IS 'Crossings inwards.';
COMMENT ON COLUMN line_buckets.count_out IS 'Crossings outwards.';

CREATE TABLE zone_buckets (
    pass          text   COLLATE "C" NOT NULL,
    start_us      bigint NOT NULL,
    zone          text   COLLATE "C" NOT NULL,
    entered       bigint NOT NULL CHECK (entered >= 0),
    "left"        bigint NOT NULL CHECK ("left" >= 0),
    occupancy_min bigint NOT NULL CHECK (occupancy_min >= 0),
    occupancy_max bigint NOT NULL CHECK (occupancy_max >= occupancy_min),
    occupied_us   bigint NOT NULL,
    stationary_us bigint NOT NULL,
    PRIMARY KEY (pass, start_us, zone)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE zone_buckets IS 'How full one zone was over ten seconds.';
COMMENT ON COLUMN zone_buckets.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN zone_buckets.start_us IS 'Media time of the bucket''s start.';
COMMENT ON COLUMN zone_buckets.zone IS 'The zone''s name.';
COMMENT ON COLUMN zone_buckets.entered IS 'Objects seen to come in.';
COMMENT ON COLUMN zone_buckets."left" IS 'Objects seen to leave.';
COMMENT ON COLUMN zone_buckets.occupancy_min IS 'Fewest objects inside in any looked-at frame.';
COMMENT ON COLUMN zone_buckets.occupancy_max IS 'Most objects inside in any looked-at frame.';
COMMENT ON COLUMN zone_buckets.occupied_us IS 'Objects inside, summed over time, in object-microseconds.';
COMMENT ON COLUMN zone_buckets.stationary_us IS 'Of these, by objects that stood still.';

CREATE TABLE coverage (
    pass        text   COLLATE "C" NOT NULL,
    start_us    bigint NOT NULL,
    observed_us bigint NOT NULL CHECK (observed_us >= 0),
    gap_us      bigint NOT NULL CHECK (gap_us >= 0),
    PRIMARY KEY (pass, start_us)
) PARTITION BY RANGE (start_us);
COMMENT ON TABLE coverage IS 'How much of ten seconds was really observed.';
COMMENT ON COLUMN coverage.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN coverage.start_us IS 'Media time of the bucket''s start.';
COMMENT ON COLUMN coverage.observed_us IS 'Time with frames, in microseconds.';
COMMENT ON COLUMN coverage.gap_us IS 'Time without, in microseconds.';

CREATE TABLE frame_metadata (
    pass     text    COLLATE "C" NOT NULL,
    media_us bigint  NOT NULL,
    detected integer NOT NULL CHECK (detected >= 0),
    tracked  integer NOT NULL CHECK (tracked >= 0),
    PRIMARY KEY (pass, media_us)
) PARTITION BY RANGE (media_us);
COMMENT ON TABLE frame_metadata IS 'Every looked-at frame.';
COMMENT ON COLUMN frame_metadata.pass IS 'The counting that it belongs to.';
COMMENT ON COLUMN frame_metadata.media_us IS 'When the camera saw it, in microseconds since 1970 (UTC).';
COMMENT ON COLUMN frame_metadata.detected IS 'Detections in it, of the wanted classes.';
COMMENT ON COLUMN frame_metadata.tracked IS 'Tracks seen in it.';

CREATE TABLE crossings_unplaced (LIKE crossings INCLUDING ALL);
CREATE TABLE visits_unplaced (LIKE visits INCLUDING ALL);
CREATE TABLE line_buckets_unplaced (LIKE line_buckets INCLUDING ALL);
CREATE TABLE zone_buckets_unplaced (LIKE zone_buckets INCLUDING ALL);
CREATE TABLE coverage_unplaced (LIKE coverage INCLUDING ALL);
CREATE TABLE frame_metadata_unplaced (LIKE frame_metadata INCLUDING ALL);
COMMENT ON TABLE crossings_unplaced IS 'Crossings in months that are not open.';
COMMENT ON TABLE visits_unplaced IS 'Visits in months that are not open.';
COMMENT ON TABLE line_buckets_unplaced IS 'Line buckets in months that are not open.';
COMMENT ON TABLE zone_buckets_unplaced IS 'Zone buckets in months that are not open.';
COMMENT ON TABLE coverage_unplaced IS 'Coverage in months that are not open.';
COMMENT ON TABLE frame_metadata_unplaced IS 'Looked-at frames in months that are not open.';

CREATE TABLE months (
    start_us bigint PRIMARY KEY,
    end_us   bigint NOT NULL CHECK (end_us > start_us),
    state    text   COLLATE "C" NOT NULL CHECK (state IN ('open', 'detaching', 'detached', 'released'))
);
COMMENT ON TABLE months IS 'Months of media time that have, or had, partitions of their own.';
COMMENT ON COLUMN months.start_us IS 'The month''s start.';
COMMENT ON COLUMN months.end_us IS 'The next month''s start.';
COMMENT ON COLUMN months.state IS
    'open: takes rows; detaching: on its way out; detached: its tables stand alone; released: they are dropped.';

CREATE TABLE unplaced (
    pass     text   COLLATE "C" NOT NULL REFERENCES passes (id),
    month_us bigint NOT NULL,
    PRIMARY KEY (pass, month_us)
);
CREATE INDEX unplaced_in_month ON unplaced (month_us, pass);
COMMENT ON TABLE unplaced IS
    'Which pass has rows of which month in the _unplaced tables. While it has, all its rows of that month go there, so that no bucket is in two places.';
COMMENT ON COLUMN unplaced.pass IS 'The pass.';
COMMENT ON COLUMN unplaced.month_us IS 'The month''s start.';

CREATE TABLE partition_log (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month_us bigint      NOT NULL,
    step     text        NOT NULL CHECK (step IN ('opened', 'placed', 'detaching', 'detached', 'released')),
    relation text,
    done_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX partition_log_of_month ON partition_log (month_us, id);
COMMENT ON TABLE partition_log IS 'What was done to partitions, step by step. Nothing ever changes here.';
COMMENT ON COLUMN partition_log.id IS 'Order of the steps.';
COMMENT ON COLUMN partition_log.month_us IS 'The month''s start.';
COMMENT ON COLUMN partition_log.step IS 'opened, placed (rows moved in), detaching, detached, released (dropped).';
COMMENT ON COLUMN partition_log.relation IS 'The table, for steps that concern only one.';
COMMENT ON COLUMN partition_log.done_at IS 'Wall time of the step''s end.';
