-- put_key: writes a key's record into the projection unless a newer one is there.
--   KEYS[1]  <prefix>:key:<hash>
--   ARGV[1]  version   ARGV[2]  status   ARGV[3]  expires at, ms (0 = never)   ARGV[4]  record
--   ARGV[5]  scope of its team ('' = none)   ARGV[6]  scope of its user
-- Returns 1 when written, 0 when a newer version stays.
-- Invariant: versions only rise, so that a rebuild that read an older row never undoes a
-- revocation.
local known = redis.call('HGET', KEYS[1], 'v')
if known and tonumber(known) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 's', ARGV[2], 'x', ARGV[3], 'r', ARGV[4],
  't', ARGV[5], 'u', ARGV[6])
return 1
