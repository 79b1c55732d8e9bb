DROP TABLE scaling_log;
