-- KEYS stream delayed   ARGV group lease_ms   -> waiting, delayed, running, milliseconds that the first waits or -1
local stream, group = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZCOUNT', KEYS[2], '-inf', now)
local delayed = redis.call('ZCARD', KEYS[2]) - due
local first = redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
local since = first and tonumber(first)

local leased, lapsed, last = 0, 0, '-'
local pending = redis.pcall('XPENDING', stream, group)
if not pending.err then
    leased = pending[1]
    -- So many and no more are told from running ones.
    lapsed = #redis.call('XPENDING', stream, group, 'IDLE', ARGV[2], '-', '+', 1000)
    for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
        for i = 1, #info, 2 do
            if info[i] == 'last-delivered-id' then last = '(' .. info[i + 1] end
        end
    end
end
local new = redis.call('XRANGE', stream, last, '+', 'COUNT', 1)[1]
if new then
    local added = tonumber(string.match(new[1], '^%d+'))
    since = since and math.min(since, added) or added
end
local waiting = redis.call('XLEN', stream) - leased + lapsed + due
return {waiting, delayed, leased - lapsed, since and math.max(now - since, 0) or -1}
