-- What recorders have to say of cameras: events that no detector has a part in, and how streams do.
SET LOCAL lock_timeout = '2s';

ALTER TABLE camera_events DROP CONSTRAINT camera_events_detector_fkey;
DROP INDEX camera_events_of_detector;
COMMENT ON COLUMN camera_events.kind IS
    'quarantined: a segment was given up; artifact_forgotten: its detections were damaged or lost; gap: nothing was recorded; clock_jump: the stream''s clock was not believed any more; spool_full: recording stopped for want of space; refused: footage came too late to be appended; lost: footage was recorded and could not be kept.';
COMMENT ON COLUMN camera_events.detector IS 'The detector that was looking; empty where none has a part in it.';

CREATE TABLE stream_quality (
    camera          uuid   NOT NULL REFERENCES cameras (id),
    minute_us       bigint NOT NULL,
    bits_per_second bigint NOT NULL CHECK (bits_per_second >= 0),
    rate_mhz        bigint NOT NULL CHECK (rate_mhz >= 0),
    latency_us      bigint NOT NULL CHECK (latency_us >= 0),
    jitter_us       bigint NOT NULL CHECK (jitter_us >= 0),
    missing         bigint NOT NULL CHECK (missing >= 0),
    score_permille  bigint NOT NULL CHECK (score_permille BETWEEN 0 AND 1000),
    PRIMARY KEY (camera, minute_us)
);
COMMENT ON TABLE stream_quality IS 'How the stream of a camera did, minute by minute, for 30 days.';
COMMENT ON COLUMN stream_quality.camera IS 'Whose stream.';
COMMENT ON COLUMN stream_quality.minute_us IS 'Wall time at the start of the minute, in microseconds since 1970 (UTC).';
COMMENT ON COLUMN stream_quality.bits_per_second IS 'Video bits that came, per second of the minute.';
COMMENT ON COLUMN stream_quality.rate_mhz IS 'Frames that came in 1000 s, at the pace of the minute.';
COMMENT ON COLUMN stream_quality.latency_us IS 'Mean time from when a frame was seen to when it came, beyond the least lately.';
COMMENT ON COLUMN stream_quality.jitter_us IS 'Mean change of that time from frame to frame.';
COMMENT ON COLUMN stream_quality.missing IS 'Frames that the stream''s own times say are missing.';
COMMENT ON COLUMN stream_quality.score_permille IS '1000 for a minute without a flaw; the formula is in scheduler/README.md.';
