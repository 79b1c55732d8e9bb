-- Work that is due by the clock, and what the months' way out knows of archives.

CREATE TABLE upkeep (
    kind   text   COLLATE "C" PRIMARY KEY,
    due_us bigint NOT NULL
);
COMMENT ON TABLE upkeep IS 'Jobs that are due by a cron expression.';
COMMENT ON COLUMN upkeep.kind IS 'The kind of job.';
COMMENT ON COLUMN upkeep.due_us IS
    'The last time at which it was due and published, in microseconds since 1970 (UTC), wall time.';

ALTER TABLE partition_log DROP CONSTRAINT partition_log_step_check;
ALTER TABLE partition_log ADD CONSTRAINT partition_log_step_check
    CHECK (step IN ('opened', 'placed', 'detaching', 'detached', 'archived', 'released'));
COMMENT ON COLUMN partition_log.step IS
    'opened, placed (rows moved in), detaching, detached, archived (and the archive verified), released (dropped).';
