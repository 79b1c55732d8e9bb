DROP TABLE coverage_rollups;
DROP TABLE zone_rollups;
DROP TABLE line_rollups;
ALTER TABLE passes DROP COLUMN rollup_version;
DROP TABLE dirty_hours;
