DROP VIEW zone_results, counting_results;
