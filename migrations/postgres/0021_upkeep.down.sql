COMMENT ON COLUMN partition_log.step IS 'opened, placed (rows moved in), detaching, detached, released (dropped).';
DELETE FROM partition_log WHERE step = 'archived';
ALTER TABLE partition_log DROP CONSTRAINT partition_log_step_check;
ALTER TABLE partition_log ADD CONSTRAINT partition_log_step_check
    CHECK (step IN ('opened', 'placed', 'detaching', 'detached', 'released'));
DROP TABLE upkeep;
