-- Adds a segment to a day's counts if it is the next one.
-- KEYS counts   ARGV seq, seconds to keep them, how many increments, (field, by)…, (field, value)…
-- -> 0 added, -1 it was added before, 1 others come first or nothing is there
local next = tonumber(redis.call('HGET', KEYS[1], 'next') or '')
local seq = tonumber(ARGV[1])
if not next or seq > next then return 1 end
if seq < next then return -1 end
local increments = tonumber(ARGV[3])
for at = 4, 3 + 2 * increments, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
for at = 4 + 2 * increments, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
