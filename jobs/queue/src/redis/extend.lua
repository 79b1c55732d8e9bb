-- Makes a lease last for its full time from now, if it has not ended.
-- KEYS stream   ARGV group consumer lease_ms id deliveries   -> 1 held, 0 lapsed
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[4], ARGV[4], 1)
-- No group: somebody has wiped the broker.
local mine = not pending.err and pending[1]
if not mine or mine[3] >= tonumber(ARGV[3]) or mine[4] ~= tonumber(ARGV[5]) then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[4], 'JUSTID')
return 1
