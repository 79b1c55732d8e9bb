-- Registered sources of footage.
CREATE TABLE cameras (
    id           TEXT    NOT NULL PRIMARY KEY,  -- UUID derived from what the footage is
    name         TEXT    NOT NULL,
    start_known  INTEGER NOT NULL CHECK (start_known IN (0, 1)),  -- 0: media time counts from 1970
    source       TEXT,                          -- what recorders open; null: counted without being registered
    enabled      INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),
    location     TEXT,
    latitude     REAL,                          -- degrees north
    longitude    REAL,                          -- degrees east
    tags         TEXT    NOT NULL DEFAULT '[]', -- as a JSON array
    time_zone    TEXT    NOT NULL DEFAULT 'UTC',-- IANA name
    settings     TEXT    NOT NULL DEFAULT '{}', -- how it is recorded, as JSON
    last_seen_us INTEGER                        -- wall time
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX cameras_registered ON cameras (name) WHERE source IS NOT NULL;

-- User names and passwords of sources, encrypted by whoever stores them.
CREATE TABLE camera_credentials (
    camera TEXT NOT NULL PRIMARY KEY REFERENCES cameras (id),
    sealed BLOB NOT NULL  -- nonce and ciphertext
) STRICT;

-- Who leads, and who records which camera. A lease that is not renewed may be taken.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    beat       INTEGER NOT NULL,  -- goes up with every renewal
    renewed_ms INTEGER NOT NULL   -- wall time of the last one, for people
) STRICT, WITHOUT ROWID;

-- Runs of footage with one clock, in order of media time.
CREATE TABLE recordings (
    camera            TEXT    NOT NULL REFERENCES cameras (id),
    first_seq         INTEGER NOT NULL,  -- its first segment
    source            TEXT    NOT NULL,  -- where its bytes are
    start_us          INTEGER NOT NULL,
    end_us            INTEGER NOT NULL CHECK (end_us >= start_us),
    origin_us         INTEGER NOT NULL,  -- container time at start_us
    width             INTEGER NOT NULL CHECK (width > 0),
    height            INTEGER NOT NULL CHECK (height > 0),
    frame_interval_us INTEGER NOT NULL CHECK (frame_interval_us > 0),
    PRIMARY KEY (camera, first_seq),
    UNIQUE (camera, source)
) STRICT, WITHOUT ROWID;

-- Runs of consecutive frames: the unit of detection and of commitment.
CREATE TABLE segments (
    camera    TEXT    NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq >= 0),
    recording INTEGER NOT NULL,  -- first_seq of its recording
    start_us  INTEGER NOT NULL,
    end_us    INTEGER NOT NULL,
    first     INTEGER NOT NULL CHECK (first IN (0, 1)),  -- of its recording
    last      INTEGER NOT NULL CHECK (last IN (0, 1)),
    PRIMARY KEY (camera, seq),
    FOREIGN KEY (camera, recording) REFERENCES recordings (camera, first_seq)
) STRICT, WITHOUT ROWID;

-- Model files by the names that people gave them.
CREATE TABLE models (
    name     TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,  -- of the file; blob storage has it under this
    layout   TEXT    NOT NULL,
    width    INTEGER NOT NULL CHECK (width > 0),  -- of the picture that it is given
    height   INTEGER NOT NULL CHECK (height > 0),
    classes  TEXT    NOT NULL,  -- JSON array of names
    bytes    INTEGER NOT NULL CHECK (bytes > 0),
    added_us INTEGER NOT NULL,  -- wall time
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- Models and how they are made to look.
CREATE TABLE detectors (
    version  TEXT    NOT NULL PRIMARY KEY,  -- name@hash of all that follows
    name     TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,  -- of the model file; empty without one
    layout   TEXT    NOT NULL,
    settings TEXT    NOT NULL,
    rate_mhz INTEGER NOT NULL CHECK (rate_mhz > 0),  -- looked-at frames in 1 000 s
    classes  TEXT    NOT NULL   -- JSON array of names
) STRICT, WITHOUT ROWID;

-- Versioned sets of lines and zones.
CREATE TABLE rulesets (
    version TEXT NOT NULL PRIMARY KEY,  -- hash of the content
    content TEXT NOT NULL               -- JSON
) STRICT, WITHOUT ROWID;

-- How far detection of a segment with a detector has come. No row: not tried yet.
CREATE TABLE detections (
    camera   TEXT    NOT NULL,
    seq      INTEGER NOT NULL,
    detector TEXT    NOT NULL REFERENCES detectors (version),
    state    TEXT    NOT NULL CHECK (state IN ('failing', 'detected', 'quarantined')),
    attempts INTEGER NOT NULL DEFAULT 0,  -- that failed
    reason   TEXT,                        -- of the last failure
    blob_key TEXT,                        -- of the artifact
    sha256   TEXT,                        -- of the artifact's bytes
    frames   INTEGER,                     -- looked-at frames in it
    spared   INTEGER,                     -- of these, the ones that were spared inference
    PRIMARY KEY (camera, seq, detector),
    FOREIGN KEY (camera, seq) REFERENCES segments (camera, seq),
    CHECK ((state = 'detected') = (blob_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One counting of a camera: its definition, its cursor and the fold's state there.
CREATE TABLE passes (
    id             TEXT    NOT NULL PRIMARY KEY,  -- hash of the definition
    camera         TEXT    NOT NULL REFERENCES cameras (id),
    detector       TEXT    NOT NULL REFERENCES detectors (version),
    ruleset        TEXT    NOT NULL REFERENCES rulesets (version),
    range_start_us INTEGER NOT NULL,
    range_end_us   INTEGER NOT NULL,
    first_seq      INTEGER NOT NULL,
    last_seq       INTEGER,                       -- null: goes on
    live           INTEGER NOT NULL CHECK (live IN (0, 1)),  -- opened without an end
    next_seq       INTEGER NOT NULL,              -- the cursor, plus one
    fold_state     BLOB                           -- null before the first segment
) STRICT;

-- The atoms of counting.
CREATE TABLE crossings (
    pass       TEXT    NOT NULL REFERENCES passes (id),
    line       TEXT    NOT NULL,
    track      INTEGER NOT NULL,
    direction  TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
    ordinal    INTEGER NOT NULL,
    media_us   INTEGER NOT NULL,
    class      TEXT    NOT NULL,
    confidence INTEGER NOT NULL,  -- ten-thousandths
    stitched   INTEGER NOT NULL CHECK (stitched IN (0, 1)),
    seq        INTEGER NOT NULL,  -- the segment that committed it
    PRIMARY KEY (pass, line, track, direction, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX crossings_in_time ON crossings (pass, media_us, line, track, direction, ordinal);

-- Stays in zones, once they have ended.
CREATE TABLE visits (
    pass          TEXT    NOT NULL REFERENCES passes (id),
    zone          TEXT    NOT NULL,
    track         INTEGER NOT NULL,
    ordinal       INTEGER NOT NULL,
    class         TEXT    NOT NULL,
    entered_us    INTEGER NOT NULL,
    left_us       INTEGER NOT NULL,
    stationary_us INTEGER NOT NULL,
    saw_entry     INTEGER NOT NULL CHECK (saw_entry IN (0, 1)),
    saw_exit      INTEGER NOT NULL CHECK (saw_exit IN (0, 1)),
    seq           INTEGER NOT NULL,
    PRIMARY KEY (pass, zone, track, ordinal)
) STRICT, WITHOUT ROWID;

-- Counts of one line, by class, over ten seconds.
CREATE TABLE line_buckets (
    pass      TEXT    NOT NULL REFERENCES passes (id),
    start_us  INTEGER NOT NULL,
    line      TEXT    NOT NULL,
    class     TEXT    NOT NULL,
    count_in  INTEGER NOT NULL,
    count_out INTEGER NOT NULL,
    PRIMARY KEY (pass, start_us, line, class)
) STRICT, WITHOUT ROWID;

-- How full one zone was over ten seconds.
CREATE TABLE zone_buckets (
    pass          TEXT    NOT NULL REFERENCES passes (id),
    start_us      INTEGER NOT NULL,
    zone          TEXT    NOT NULL,
    entered       INTEGER NOT NULL,
    left          INTEGER NOT NULL,
    occupancy_min INTEGER NOT NULL,
    occupancy_max INTEGER NOT NULL,
    occupied_us   INTEGER NOT NULL,  -- object-microseconds
    stationary_us INTEGER NOT NULL,
    PRIMARY KEY (pass, start_us, zone)
) STRICT, WITHOUT ROWID;

-- How much of ten seconds was really observed.
CREATE TABLE coverage (
    pass        TEXT    NOT NULL REFERENCES passes (id),
    start_us    INTEGER NOT NULL,
    observed_us INTEGER NOT NULL,
    gap_us      INTEGER NOT NULL,
    PRIMARY KEY (pass, start_us)
) STRICT, WITHOUT ROWID;

-- Every looked-at frame.
CREATE TABLE frame_metadata (
    pass     TEXT    NOT NULL REFERENCES passes (id),
    media_us INTEGER NOT NULL,
    detected INTEGER NOT NULL,
    tracked  INTEGER NOT NULL,
    PRIMARY KEY (pass, media_us)
) STRICT, WITHOUT ROWID;

-- What happened to a camera's footage that people should know of.
CREATE TABLE camera_events (
    camera      TEXT NOT NULL REFERENCES cameras (id),
    kind        TEXT NOT NULL,
    start_us    INTEGER NOT NULL,
    end_us      INTEGER NOT NULL,
    detector    TEXT NOT NULL REFERENCES detectors (version),
    detail      TEXT NOT NULL,
    recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- wall time
    PRIMARY KEY (camera, start_us, kind, detector)
) STRICT, WITHOUT ROWID;
