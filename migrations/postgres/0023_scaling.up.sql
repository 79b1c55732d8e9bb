CREATE TABLE scaling_log (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane      text        COLLATE "C" NOT NULL,
    workers   bigint      NOT NULL CHECK (workers >= 0),
    waiting   bigint      NOT NULL CHECK (waiting >= 0),
    running   bigint      NOT NULL CHECK (running >= 0),
    behind_ms bigint      NOT NULL CHECK (behind_ms >= 0),
    at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE scaling_log IS 'How many workers lanes were to have, as it changed: the last ten thousand changes.';
COMMENT ON COLUMN scaling_log.id IS 'Order of the changes.';
COMMENT ON COLUMN scaling_log.lane IS 'The lane.';
COMMENT ON COLUMN scaling_log.workers IS 'How many workers it was to have from then on.';
COMMENT ON COLUMN scaling_log.waiting IS 'Jobs that could start.';
COMMENT ON COLUMN scaling_log.running IS 'Jobs at work.';
COMMENT ON COLUMN scaling_log.behind_ms IS 'How long the first of the waiting ones had waited, in milliseconds.';
COMMENT ON COLUMN scaling_log.at IS 'Wall time of the change.';
