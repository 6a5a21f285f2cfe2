-- forget_cached: forgets kept answers of a tenant.
--   KEYS[1]  the tenant's entries: sorted set of names by their end in ms
--   KEYS[2]  hash of name -> '<bytes> <key id>', and `total`
--   ARGV[1]  what all entries' keys begin with   ARGV[2..]  names
-- Returns how many there were, and their bytes.
-- Invariant: `total` is the sum of the bytes of the names in the sorted set.
local forgotten, bytes = 0, 0
for at = 2, #ARGV do
  local facts = redis.call('HGET', KEYS[2], ARGV[at])
  if facts then
    forgotten = forgotten + 1
    bytes = bytes + tonumber(string.match(facts, '^%d+'))
    redis.call('HDEL', KEYS[2], ARGV[at])
  end
  redis.call('ZREM', KEYS[1], ARGV[at])
  redis.call('DEL', ARGV[1] .. ARGV[at])
end
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
elseif bytes > 0 then
  redis.call('HINCRBY', KEYS[2], 'total', -bytes)
end
return { forgotten, bytes }
