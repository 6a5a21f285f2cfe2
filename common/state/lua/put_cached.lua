-- put_cached: keeps an answer of a tenant within its bounds, and gives back the right to make it.
--   KEYS[1]  the entry            KEYS[2]  who makes it
--   KEYS[3]  the tenant's entries: sorted set of names by their end in ms
--   KEYS[4]  hash of name -> '<bytes> <key id>', and `total`, their bytes together
--   ARGV[1]  the maker's token    ARGV[2]  what all entries' keys begin with
--   ARGV[3]  the entry's name     ARGV[4]  value          ARGV[5]  how long it is kept, in ms
--   ARGV[6]  id of the key whose request it answers       ARGV[7]  the tenant's bytes at most
--   ARGV[8]  what an entry costs Redis beside its value, in bytes
-- Returns 1 when it is kept, 0 when it alone is too large. What ends first goes first.
-- Invariant: `total` is the sum of the bytes of the names in the sorted set, at most ARGV[7].
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local total = tonumber(redis.call('HGET', KEYS[4], 'total') or 0)

local function forget(name)
  local facts = redis.call('HGET', KEYS[4], name)
  if facts then
    total = total - tonumber(string.match(facts, '^%d+'))
    redis.call('HDEL', KEYS[4], name)
  end
  redis.call('ZREM', KEYS[3], name)
  redis.call('DEL', ARGV[2] .. name)
end

if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
local size = #ARGV[4] + tonumber(ARGV[8])
local most = tonumber(ARGV[7])
if size > most then
  return 0
end
forget(ARGV[3])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now_ms, 'LIMIT', 0, 1000)) do
  forget(name)
end
while total + size > most do
  local first = redis.call('ZRANGE', KEYS[3], 0, 0)
  if not first[1] then
    total = 0
    break
  end
  forget(first[1])
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
redis.call('ZADD', KEYS[3], now_ms + ARGV[5], ARGV[3])
redis.call('HSET', KEYS[4], ARGV[3], size .. ' ' .. ARGV[6], 'total', total + size)
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[3], last[2])
redis.call('PEXPIREAT', KEYS[4], last[2])
return 1
