-- Sees whether a lane can be worked with, before anybody counts on it, and sets up what is missing.
-- KEYS stream held delayed uncounted discarded lease   ARGV group lease_ms
-- -> nothing, or a key that is not as it must be, what it is, and what it must be
local kinds = {'stream', 'set', 'zset', 'hash', 'stream', 'string'}
for i, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' and kind ~= kinds[i] then return {key, 'a ' .. kind, 'a ' .. kinds[i]} end
end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
redis.call('SET', KEYS[6], ARGV[2], 'NX')
local lease = redis.call('GET', KEYS[6])
if lease ~= ARGV[2] then return {KEYS[6], lease .. ' ms', ARGV[2] .. ' ms'} end
return {}
