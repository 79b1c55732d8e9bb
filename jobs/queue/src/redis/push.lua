-- Adds a job unless its key is held or the lane is full.
-- KEYS stream held   ARGV key job capacity   -> 1 new, 0 held already, -1 full
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 0 end
if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[3]) then return -1 end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[1], '*', 'attempt', 1, 'job', ARGV[2])
return 1
