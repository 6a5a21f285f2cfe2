-- put_policy: writes the policy of a scope, or the operator's prices (scope `prices`), into the
-- projection unless a newer one is there.
--   KEYS[1]  <prefix>:policy:<scope>   KEYS[2]  <prefix>:versions, which admit compares
--   ARGV[1]  version   ARGV[2]  record, '' = no limits   ARGV[3]  scope
-- Returns 1 when written, 0 when a newer version stays.
-- Invariant: versions only rise, as in put_key.
local known = redis.call('HGET', KEYS[1], 'v')
if known and tonumber(known) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'r', ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
return 1
