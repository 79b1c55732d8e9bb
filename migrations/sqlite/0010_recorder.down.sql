DROP TABLE stream_quality;
CREATE TABLE camera_events_old (
    camera      TEXT NOT NULL REFERENCES cameras (id),
    kind        TEXT NOT NULL,
    start_us    INTEGER NOT NULL,
    end_us      INTEGER NOT NULL,
    detector    TEXT NOT NULL REFERENCES detectors (version),
    detail      TEXT NOT NULL,
    recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- wall time
    PRIMARY KEY (camera, start_us, kind, detector)
) STRICT, WITHOUT ROWID;
INSERT INTO camera_events_old (camera, kind, start_us, end_us, detector, detail, recorded_at)
    SELECT camera, kind, start_us, end_us, detector, detail, recorded_at FROM camera_events WHERE detector <> '';
DROP TABLE camera_events;
ALTER TABLE camera_events_old RENAME TO camera_events;
