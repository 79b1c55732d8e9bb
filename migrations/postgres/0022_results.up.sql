-- Roll-ups as analysts read them: whose, where, when on the camera's clock, by which rules and which model. Periods of
-- which nothing is known have no row; lines that nobody crossed in a known period have one without a class.
--
-- OFFSET 0 keeps the look for a period's sums a look by their key: joined, months that were not asked for would be read.

CREATE VIEW counting_results AS
WITH covered AS (
    SELECT pass, granularity, start_us, observed_us, gap_us FROM coverage_rollups
    UNION ALL
    SELECT pass, granularity, start_us, observed_us, gap_us FROM coverage_rollups_unplaced
), counted AS (
    SELECT pass, granularity, start_us, line, class, count_in, count_out, confidence_sum FROM line_rollups
    UNION ALL
    SELECT pass, granularity, start_us, line, class, count_in, count_out, confidence_sum FROM line_rollups_unplaced
)
SELECT c.name AS camera,
       p.camera AS camera_id,
       l.value ->> 'name' AS line,
       r.class,
       v.granularity,
       to_timestamp(v.start_us / 1e6) AS starts_at,
       to_timestamp(v.start_us / 1e6) AT TIME ZONE c.time_zone AS local_start,
       coalesce(r.count_in, 0) AS count_in,
       coalesce(r.count_out, 0) AS count_out,
       coalesce(r.count_in + r.count_out, 0) AS total,
       round(r.confidence_sum / nullif(r.count_in + r.count_out, 0)::numeric / 10000, 4) AS confidence,
       v.observed_us / 1e6 AS observed_s,
       v.gap_us / 1e6 AS gap_s,
       p.ruleset,
       p.detector,
       v.pass,
       v.start_us
FROM covered v
JOIN passes p ON p.id = v.pass
JOIN cameras c ON c.id = p.camera
JOIN rulesets s ON s.version = p.ruleset
CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb -> 'lines') l
LEFT JOIN LATERAL (
    SELECT class, count_in, count_out, confidence_sum FROM counted r
    WHERE r.pass = v.pass AND r.granularity = v.granularity AND r.start_us = v.start_us
      AND r.line = l.value ->> 'name'
    OFFSET 0
) r ON true;
COMMENT ON VIEW counting_results IS
    'Counts of every line over minutes, hours, days, weeks and months of the camera''s calendar.';
COMMENT ON COLUMN counting_results.camera IS 'What people call the camera.';
COMMENT ON COLUMN counting_results.camera_id IS 'The camera.';
COMMENT ON COLUMN counting_results.line IS 'The line''s name.';
COMMENT ON COLUMN counting_results.class IS 'The class; null where nobody crossed.';
COMMENT ON COLUMN counting_results.granularity IS 'minute, hour, day, week (from Monday on) or month.';
COMMENT ON COLUMN counting_results.starts_at IS 'When the period starts.';
COMMENT ON COLUMN counting_results.local_start IS 'What a clock beside the camera shows then.';
COMMENT ON COLUMN counting_results.count_in IS 'Crossings inwards.';
COMMENT ON COLUMN counting_results.count_out IS 'Crossings outwards.';
COMMENT ON COLUMN counting_results.total IS 'Both.';
COMMENT ON COLUMN counting_results.confidence IS 'Mean confidence of the crossings, 0 to 1.';
COMMENT ON COLUMN counting_results.observed_s IS 'How much of the period was observed. Without, a zero says nothing.';
COMMENT ON COLUMN counting_results.gap_s IS 'How much of the footage was a gap.';
COMMENT ON COLUMN counting_results.ruleset IS 'The version of the rules that counted.';
COMMENT ON COLUMN counting_results.detector IS 'The version of the detector whose detections were counted.';
COMMENT ON COLUMN counting_results.pass IS 'The counting: filter by it to read one, fast.';
COMMENT ON COLUMN counting_results.start_us IS
    'starts_at in microseconds since 1970: filter by it to look into the months concerned only.';

CREATE VIEW zone_results AS
WITH covered AS (
    SELECT pass, granularity, start_us, observed_us, gap_us FROM coverage_rollups
    UNION ALL
    SELECT pass, granularity, start_us, observed_us, gap_us FROM coverage_rollups_unplaced
), counted AS (
    SELECT pass, granularity, start_us, zone, entered, "left", occupancy_min, occupancy_max, occupied_us
    FROM zone_rollups
    UNION ALL
    SELECT pass, granularity, start_us, zone, entered, "left", occupancy_min, occupancy_max, occupied_us
    FROM zone_rollups_unplaced
)
SELECT c.name AS camera,
       p.camera AS camera_id,
       l.value ->> 'name' AS zone,
       v.granularity,
       to_timestamp(v.start_us / 1e6) AS starts_at,
       to_timestamp(v.start_us / 1e6) AT TIME ZONE c.time_zone AS local_start,
       coalesce(r.entered, 0) AS entered,
       coalesce(r."left", 0) AS "left",
       r.occupancy_min,
       round(r.occupied_us / nullif(v.observed_us, 0)::numeric, 3) AS occupancy_mean,
       r.occupancy_max,
       v.observed_us / 1e6 AS observed_s,
       v.gap_us / 1e6 AS gap_s,
       p.ruleset,
       p.detector,
       v.pass,
       v.start_us
FROM covered v
JOIN passes p ON p.id = v.pass
JOIN cameras c ON c.id = p.camera
JOIN rulesets s ON s.version = p.ruleset
CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb -> 'zones') l
LEFT JOIN LATERAL (
    SELECT entered, "left", occupancy_min, occupancy_max, occupied_us FROM counted r
    WHERE r.pass = v.pass AND r.granularity = v.granularity AND r.start_us = v.start_us
      AND r.zone = l.value ->> 'name'
    OFFSET 0
) r ON true;
COMMENT ON VIEW zone_results IS
    'How full every zone was over minutes, hours, days, weeks and months of the camera''s calendar.';
COMMENT ON COLUMN zone_results.camera IS 'What people call the camera.';
COMMENT ON COLUMN zone_results.camera_id IS 'The camera.';
COMMENT ON COLUMN zone_results.zone IS 'The zone''s name.';
COMMENT ON COLUMN zone_results.granularity IS 'minute, hour, day, week (from Monday on) or month.';
COMMENT ON COLUMN zone_results.starts_at IS 'When the period starts.';
COMMENT ON COLUMN zone_results.local_start IS 'What a clock beside the camera shows then.';
COMMENT ON COLUMN zone_results.entered IS 'Objects seen to come in.';
COMMENT ON COLUMN zone_results."left" IS 'Objects seen to leave.';
COMMENT ON COLUMN zone_results.occupancy_min IS 'Fewest objects inside at a time.';
COMMENT ON COLUMN zone_results.occupancy_mean IS 'Mean over the observed time.';
COMMENT ON COLUMN zone_results.occupancy_max IS 'Most objects inside at a time.';
COMMENT ON COLUMN zone_results.observed_s IS 'How much of the period was observed. Without, a zero says nothing.';
COMMENT ON COLUMN zone_results.gap_s IS 'How much of the footage was a gap.';
COMMENT ON COLUMN zone_results.ruleset IS 'The version of the rules that counted.';
COMMENT ON COLUMN zone_results.detector IS 'The version of the detector whose detections were counted.';
COMMENT ON COLUMN zone_results.pass IS 'The counting: filter by it to read one, fast.';
COMMENT ON COLUMN zone_results.start_us IS
    'starts_at in microseconds since 1970: filter by it to look into the months concerned only.';
