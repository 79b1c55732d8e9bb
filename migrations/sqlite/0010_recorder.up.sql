-- Events that no detector has a part in: `detector` is then empty, and so it is no foreign key any more.
CREATE TABLE camera_events_new (
    camera      TEXT NOT NULL REFERENCES cameras (id),
    kind        TEXT NOT NULL,
    start_us    INTEGER NOT NULL,
    end_us      INTEGER NOT NULL,
    detector    TEXT NOT NULL,
    detail      TEXT NOT NULL,
    recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- wall time
    PRIMARY KEY (camera, start_us, kind, detector)
) STRICT, WITHOUT ROWID;
INSERT INTO camera_events_new (camera, kind, start_us, end_us, detector, detail, recorded_at)
    SELECT camera, kind, start_us, end_us, detector, detail, recorded_at FROM camera_events;
DROP TABLE camera_events;
ALTER TABLE camera_events_new RENAME TO camera_events;

-- How the stream of a camera did, minute by minute, for 30 days.
CREATE TABLE stream_quality (
    camera          TEXT NOT NULL REFERENCES cameras (id),
    minute_us       INTEGER NOT NULL,  -- wall time at the start of the minute
    bits_per_second INTEGER NOT NULL,
    rate_mhz        INTEGER NOT NULL,  -- frames in 1000 s
    latency_us      INTEGER NOT NULL,  -- mean, beyond the least lately
    jitter_us       INTEGER NOT NULL,  -- mean change of the latency from frame to frame
    missing         INTEGER NOT NULL,  -- frames, by the stream's own times
    score_permille  INTEGER NOT NULL,  -- 1000: without a flaw
    PRIMARY KEY (camera, minute_us)
) STRICT, WITHOUT ROWID;
