-- Ends a lease, if it has not ended by itself.
-- KEYS stream held delayed uncounted discarded
-- ARGV group consumer lease_ms id deliveries verdict key, then for `again`: attempt after_ms, for `discard`: reason
-- -> 1 held, 0 lapsed
local stream, group, consumer, lease, id = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local verdict, key = ARGV[6], ARGV[7]
local pending = redis.pcall('XPENDING', stream, group, id, id, 1)
local mine = not pending.err and pending[1]
if not mine or mine[3] >= lease or mine[4] ~= tonumber(ARGV[5]) then return 0 end

if verdict == 'release' then
    -- It keeps its place: as if it had lapsed, but for the attempt.
    redis.call('HINCRBY', KEYS[4], id, 1)
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', lease, 'JUSTID')
    return 1
end

local job
if verdict == 'again' then
    local fields = (redis.call('XRANGE', stream, id, id)[1] or {})[2] or {}
    for i = 1, #fields, 2 do
        if fields[i] == 'job' then job = fields[i + 1] end
    end
end
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
redis.call('HDEL', KEYS[4], id)
if not job then
    redis.call('SREM', KEYS[2], key)
elseif ARGV[9] == '0' then
    redis.call('XADD', stream, '*', 'attempt', ARGV[8], 'job', job)
else
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZADD', KEYS[3], now + tonumber(ARGV[9]), ARGV[8] .. ' ' .. job)
end
if verdict == 'discard' then
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'key', key, 'reason', ARGV[8])
end
return 1
