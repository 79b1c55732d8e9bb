-- Leases up to so many jobs: what has lapsed or was given back first, then what was put off and is due, and new
-- ones, in the order in which they got into the stream.
-- KEYS stream delayed uncounted   ARGV group consumer lease_ms most
-- -> {{id, deliveries, uncounted, fields}, ...}, milliseconds until the next job is due or -1
local stream, group, consumer, lease, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, member in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)) do
    local attempt, job = string.match(member, '^(%d+) (.*)$')
    redis.call('ZREM', KEYS[2], member)
    redis.call('XADD', stream, '*', 'attempt', attempt, 'job', job)
end

local leases, cursor = {}, '0-0'
repeat
    local claimed = redis.call('XAUTOCLAIM', stream, group, consumer, lease, cursor, 'COUNT', most - #leases)
    cursor = claimed[1]
    for _, entry in ipairs(claimed[2]) do
        local pending = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)[1]
        local uncounted = redis.call('HGET', KEYS[3], entry[1]) or 0
        leases[#leases + 1] = {entry[1], pending[4], tonumber(uncounted), entry[2]}
    end
until cursor == '0-0' or #leases >= most

if #leases < most then
    local read = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most - #leases, 'STREAMS', stream, '>')
    for _, entry in ipairs(read and read[1][2] or {}) do
        leases[#leases + 1] = {entry[1], 1, 0, entry[2]}
    end
end

local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
return {leases, next and math.max(tonumber(next) - now, 0) or -1}
