DROP TABLE coverage_rollups_unplaced, zone_rollups_unplaced, line_rollups_unplaced;
DROP TABLE coverage_rollups, zone_rollups, line_rollups;
ALTER TABLE passes DROP COLUMN rollup_version;
DROP TABLE dirty_hours;
