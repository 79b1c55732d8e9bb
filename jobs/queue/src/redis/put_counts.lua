-- Puts a day's counts in the place of those that are there, unless these are further on.
-- KEYS counts   ARGV next, seconds to keep them, (field, value)…
local next = tonumber(redis.call('HGET', KEYS[1], 'next') or '')
if next and next > tonumber(ARGV[1]) then return end
redis.call('DEL', KEYS[1])
for at = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
