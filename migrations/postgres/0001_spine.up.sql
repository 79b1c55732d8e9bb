-- Keys that are texts compare byte by byte (COLLATE "C"), so that order does not depend on the server's locale.

CREATE TABLE cameras (
    id           uuid    PRIMARY KEY,
    name         text    COLLATE "C" NOT NULL,
    start_known  boolean NOT NULL,
    source       text,
    enabled      boolean NOT NULL DEFAULT false,
    location     text    COLLATE "C",
    latitude     double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude    double precision CHECK (longitude BETWEEN -180 AND 180),
    tags         text[]  NOT NULL DEFAULT '{}',
    time_zone    text    NOT NULL DEFAULT 'UTC',
    settings     jsonb   NOT NULL DEFAULT '{}',
    last_seen_us bigint,
    CHECK ((latitude IS NULL) = (longitude IS NULL)),
    CHECK (source IS NOT NULL OR NOT enabled)
);
CREATE UNIQUE INDEX cameras_registered ON cameras (name) WHERE source IS NOT NULL;
CREATE INDEX cameras_tagged ON cameras USING gin (tags) WHERE source IS NOT NULL;
COMMENT ON TABLE cameras IS 'Registered sources of footage.';
COMMENT ON COLUMN cameras.id IS 'Derived from what the footage is.';
COMMENT ON COLUMN cameras.name IS 'What people call it.';
COMMENT ON COLUMN cameras.start_known IS 'Whether media times are true; if not, they count from 1970.';
COMMENT ON COLUMN cameras.source IS
    'What recorders open, without credentials; null: footage that was counted without a registered camera.';
COMMENT ON COLUMN cameras.enabled IS 'Whether recorders record it.';
COMMENT ON COLUMN cameras.location IS 'Where it is, in people''s words.';
COMMENT ON COLUMN cameras.latitude IS 'Degrees north (WGS 84).';
COMMENT ON COLUMN cameras.longitude IS 'Degrees east (WGS 84).';
COMMENT ON COLUMN cameras.tags IS 'Words that people sort cameras by.';
COMMENT ON COLUMN cameras.time_zone IS 'IANA name; its days begin at midnight there.';
COMMENT ON COLUMN cameras.settings IS 'How it is recorded.';
COMMENT ON COLUMN cameras.last_seen_us IS 'Wall time when footage last came from it, in microseconds since 1970 (UTC).';

CREATE TABLE camera_credentials (
    camera uuid  PRIMARY KEY REFERENCES cameras (id),
    sealed bytea NOT NULL
);
COMMENT ON TABLE camera_credentials IS 'User names and passwords of sources, apart from all else and encrypted by whoever stores them.';
COMMENT ON COLUMN camera_credentials.camera IS 'Whose.';
COMMENT ON COLUMN camera_credentials.sealed IS 'Nonce and ciphertext; the database never sees the key.';

CREATE TABLE leases (
    name       text        COLLATE "C" PRIMARY KEY,
    holder     text        NOT NULL,
    beat       bigint      NOT NULL,
    renewed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'Who leads, and who records which camera. A lease that is not renewed may be taken.';
COMMENT ON COLUMN leases.name IS 'What is leased.';
COMMENT ON COLUMN leases.holder IS 'The process that has it.';
COMMENT ON COLUMN leases.beat IS 'Goes up with every renewal: others watch it by their own clocks.';
COMMENT ON COLUMN leases.renewed_at IS 'Wall time of the last renewal, for people.';

CREATE TABLE recordings (
    camera            uuid   NOT NULL REFERENCES cameras (id),
    first_seq         bigint NOT NULL,
    source            text   COLLATE "C" NOT NULL,
    start_us          bigint NOT NULL,
    end_us            bigint NOT NULL CHECK (end_us >= start_us),
    origin_us         bigint NOT NULL,
    width             bigint NOT NULL CHECK (width > 0),
    height            bigint NOT NULL CHECK (height > 0),
    frame_interval_us bigint NOT NULL CHECK (frame_interval_us > 0),
    PRIMARY KEY (camera, first_seq),
    UNIQUE (camera, source)
);
COMMENT ON TABLE recordings IS 'Runs of footage with one clock, in order of media time.';
COMMENT ON COLUMN recordings.camera IS 'Whose footage it is.';
COMMENT ON COLUMN recordings.first_seq IS 'Its first segment.';
COMMENT ON COLUMN recordings.source IS 'Where its bytes are.';
COMMENT ON COLUMN recordings.start_us IS 'Media time of its start, in microseconds since 1970 (UTC).';
COMMENT ON COLUMN recordings.end_us IS 'Media time of its end, as the container declares it.';
COMMENT ON COLUMN recordings.origin_us IS 'Time in the container at start_us, in microseconds.';
COMMENT ON COLUMN recordings.width IS 'Of the picture as shown, in pixels.';
COMMENT ON COLUMN recordings.height IS 'Of the picture as shown, in pixels.';
COMMENT ON COLUMN recordings.frame_interval_us IS 'The usual time between two frames, in microseconds.';

CREATE TABLE segments (
    camera    uuid    NOT NULL,
    seq       bigint  NOT NULL CHECK (seq >= 0),
    recording bigint  NOT NULL,
    start_us  bigint  NOT NULL,
    end_us    bigint  NOT NULL CHECK (end_us >= start_us),
    first     boolean NOT NULL,
    last      boolean NOT NULL,
    PRIMARY KEY (camera, seq),
    FOREIGN KEY (camera, recording) REFERENCES recordings (camera, first_seq)
);
CREATE INDEX segments_of_recording ON segments (camera, recording, seq);
CREATE INDEX segments_in_time ON segments (camera, start_us);
COMMENT ON TABLE segments IS 'Runs of consecutive frames: the unit of detection and of commitment.';
COMMENT ON COLUMN segments.camera IS 'Whose footage it is.';
COMMENT ON COLUMN segments.seq IS 'Its place in the camera''s footage, from 0, without holes.';
COMMENT ON COLUMN segments.recording IS 'first_seq of its recording.';
COMMENT ON COLUMN segments.start_us IS 'Media time of its start.';
COMMENT ON COLUMN segments.end_us IS 'Media time of its end.';
COMMENT ON COLUMN segments.first IS 'Whether it is the first of its recording.';
COMMENT ON COLUMN segments.last IS 'Whether it is the last of its recording.';

CREATE TABLE models (
    name     text   COLLATE "C" NOT NULL,
    version  text   COLLATE "C" NOT NULL,
    sha256   text   NOT NULL,
    layout   text   NOT NULL,
    width    bigint NOT NULL CHECK (width > 0),
    height   bigint NOT NULL CHECK (height > 0),
    classes  text   NOT NULL,
    bytes    bigint NOT NULL CHECK (bytes > 0),
    added_us bigint NOT NULL,
    PRIMARY KEY (name, version)
);
COMMENT ON TABLE models IS 'Model files by the names that people gave them.';
COMMENT ON COLUMN models.name IS 'What people call it.';
COMMENT ON COLUMN models.version IS 'Which of that name.';
COMMENT ON COLUMN models.sha256 IS 'Of the file, in hex; blob storage has it under this.';
COMMENT ON COLUMN models.layout IS 'The layout that it is taken for.';
COMMENT ON COLUMN models.width IS 'Of the picture that it is given, in pixels.';
COMMENT ON COLUMN models.height IS 'Of the picture that it is given, in pixels.';
COMMENT ON COLUMN models.classes IS 'Class names by index, as a JSON array.';
COMMENT ON COLUMN models.bytes IS 'The file''s size.';
COMMENT ON COLUMN models.added_us IS 'Wall time when it was registered, in microseconds since 1970 (UTC).';

CREATE TABLE detectors (
    version  text   COLLATE "C" PRIMARY KEY,
    name     text   NOT NULL,
    sha256   text   NOT NULL,
    layout   text   NOT NULL,
    settings text   NOT NULL,
    rate_mhz bigint NOT NULL CHECK (rate_mhz > 0),
    classes  text   NOT NULL
);
COMMENT ON TABLE detectors IS 'Models and how they are made to look.';
COMMENT ON COLUMN detectors.version IS 'name@hash of all that its detections depend on.';
COMMENT ON COLUMN detectors.name IS 'What people call it.';
COMMENT ON COLUMN detectors.sha256 IS 'Of the model file, in hex; empty without one.';
COMMENT ON COLUMN detectors.layout IS 'The recognised layout of the model''s outputs.';
COMMENT ON COLUMN detectors.settings IS 'Preprocessing, thresholds and revision, spelled out.';
COMMENT ON COLUMN detectors.rate_mhz IS 'Looked-at frames in 1000 s.';
COMMENT ON COLUMN detectors.classes IS 'Class names by index, as a JSON array.';

CREATE TABLE rulesets (
    version text COLLATE "C" PRIMARY KEY,
    content text NOT NULL
);
COMMENT ON TABLE rulesets IS 'Versioned sets of lines and zones.';
COMMENT ON COLUMN rulesets.version IS 'Hash of the content.';
COMMENT ON COLUMN rulesets.content IS 'The set as JSON, as it was hashed.';

-- The state rides along in the key's index, so that what is due is found without looking at the table.
CREATE TABLE detections (
    camera   uuid   NOT NULL,
    seq      bigint NOT NULL,
    detector text   COLLATE "C" NOT NULL REFERENCES detectors (version),
    state    text   COLLATE "C" NOT NULL CHECK (state IN ('failing', 'detected', 'quarantined')),
    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason   text,
    blob_key text,
    sha256   text,
    frames   bigint CHECK (frames >= 0),
    spared   bigint CHECK (spared BETWEEN 0 AND frames),
    PRIMARY KEY (camera, seq, detector) INCLUDE (state),
    FOREIGN KEY (camera, seq) REFERENCES segments (camera, seq),
    CHECK ((state = 'detected')
        = (blob_key IS NOT NULL AND sha256 IS NOT NULL AND frames IS NOT NULL AND spared IS NOT NULL))
);
CREATE INDEX detections_of_detector ON detections (detector);
COMMENT ON TABLE detections IS
    'How far detection of a segment with a detector has come. No row: not tried yet.';
COMMENT ON COLUMN detections.camera IS 'Whose footage it is.';
COMMENT ON COLUMN detections.seq IS 'The segment.';
COMMENT ON COLUMN detections.detector IS 'Which detector looked.';
COMMENT ON COLUMN detections.state IS 'failing, detected or quarantined.';
COMMENT ON COLUMN detections.attempts IS 'Attempts that failed, over all processes.';
COMMENT ON COLUMN detections.reason IS 'Of the last failure.';
COMMENT ON COLUMN detections.blob_key IS 'Name of the artifact in blob storage.';
COMMENT ON COLUMN detections.sha256 IS 'Of the artifact''s bytes, in hex.';
COMMENT ON COLUMN detections.frames IS 'Looked-at frames in the artifact.';
COMMENT ON COLUMN detections.spared IS 'Of these, the ones that were spared inference.';

-- Every commit updates a row here. `finished` seldom changes and next_seq is in no index, so these updates touch
-- no index, and find room beside the row (fillfactor).
CREATE TABLE passes (
    id             text    COLLATE "C" PRIMARY KEY,
    camera         uuid    NOT NULL REFERENCES cameras (id),
    detector       text    COLLATE "C" NOT NULL REFERENCES detectors (version),
    ruleset        text    COLLATE "C" NOT NULL REFERENCES rulesets (version),
    range_start_us bigint  NOT NULL,
    range_end_us   bigint  NOT NULL,
    first_seq      bigint  NOT NULL,
    last_seq       bigint,
    live           boolean NOT NULL,
    next_seq       bigint  NOT NULL CHECK (next_seq >= first_seq),
    finished       boolean NOT NULL GENERATED ALWAYS AS (last_seq IS NOT NULL AND next_seq > last_seq) STORED,
    fold_state     bytea
) WITH (fillfactor = 50);
CREATE INDEX passes_unfinished ON passes (id) WHERE NOT finished;
CREATE INDEX passes_of_camera ON passes (camera, first_seq);
CREATE INDEX passes_of_detector ON passes (detector);
CREATE INDEX passes_of_ruleset ON passes (ruleset);
COMMENT ON TABLE passes IS 'Countings of a camera: each one''s definition, its cursor and the fold''s state there.';
COMMENT ON COLUMN passes.id IS 'Hash of the definition.';
COMMENT ON COLUMN passes.camera IS 'Whose footage.';
COMMENT ON COLUMN passes.detector IS 'Whose detections.';
COMMENT ON COLUMN passes.ruleset IS 'By which rules.';
COMMENT ON COLUMN passes.range_start_us IS 'Frames before it are not counted.';
COMMENT ON COLUMN passes.range_end_us IS 'Frames at or after it are not counted.';
COMMENT ON COLUMN passes.first_seq IS 'The first segment that is folded.';
COMMENT ON COLUMN passes.last_seq IS 'The last one; null: the footage goes on.';
COMMENT ON COLUMN passes.live IS 'Whether it was opened without an end.';
COMMENT ON COLUMN passes.next_seq IS 'The cursor, plus one.';
COMMENT ON COLUMN passes.finished IS 'Whether the last segment is folded.';
COMMENT ON COLUMN passes.fold_state IS 'What the fold needs to go on; null before the first segment.';

-- Hashed, because events are always asked for by camera and there is no end to them.
CREATE TABLE camera_events (
    camera      uuid        NOT NULL REFERENCES cameras (id),
    start_us    bigint      NOT NULL,
    kind        text        COLLATE "C" NOT NULL,
    detector    text        COLLATE "C" NOT NULL REFERENCES detectors (version),
    end_us      bigint      NOT NULL CHECK (end_us >= start_us),
    detail      text        NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (camera, start_us, kind, detector)
) PARTITION BY HASH (camera);
CREATE TABLE camera_events_0 PARTITION OF camera_events FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE camera_events_1 PARTITION OF camera_events FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE camera_events_2 PARTITION OF camera_events FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE camera_events_3 PARTITION OF camera_events FOR VALUES WITH (MODULUS 4, REMAINDER 3);
CREATE INDEX camera_events_of_detector ON camera_events (detector);
COMMENT ON TABLE camera_events IS 'What happened to a camera''s footage that people should know of.';
COMMENT ON COLUMN camera_events.camera IS 'Whose footage it is.';
COMMENT ON COLUMN camera_events.start_us IS 'Media time of the start of the footage concerned.';
COMMENT ON COLUMN camera_events.kind IS
    'quarantined: a segment was given up; artifact_forgotten: its detections were damaged or lost.';
COMMENT ON COLUMN camera_events.detector IS 'The detector that was looking.';
COMMENT ON COLUMN camera_events.end_us IS 'Media time of the end of the footage concerned.';
COMMENT ON COLUMN camera_events.detail IS 'What happened.';
COMMENT ON COLUMN camera_events.recorded_at IS 'Wall time when this was noted.';
