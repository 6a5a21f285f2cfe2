-- put_key: writes a key's record into the projection unless a newer one is there.
--   KEYS[1]  <prefix>:key:<hash>   KEYS[2]  <prefix>:activations, which admit fills
--   ARGV[1]  version   ARGV[2]  status   ARGV[3]  expires at, ms (0 = never)   ARGV[4]  record
--   ARGV[5]  scope of its team ('' = none)   ARGV[6]  scope of its user
--   ARGV[7]  key id   ARGV[8]  how long it lasts from its first use on, ms (0 = no such rule)
--   ARGV[9]  its first use as Postgres has it, ms (0 = none)
-- Returns 1 when written, 0 when a newer version stays.
-- Invariant: versions only rise, so that a rebuild that read an older row never undoes a
-- revocation; a first use that Redis has stays as long as the rule does.
local known = redis.call('HGET', KEYS[1], 'v')
if known and tonumber(known) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 's', ARGV[2], 'x', ARGV[3], 'r', ARGV[4],
  't', ARGV[5], 'u', ARGV[6])
if ARGV[8] ~= '0' then
  redis.call('HSET', KEYS[1], 'a', ARGV[8], 'i', ARGV[7])
  if ARGV[9] ~= '0' then
    redis.call('HSETNX', KEYS[2], ARGV[7], ARGV[9])
  end
elseif redis.call('HDEL', KEYS[1], 'a', 'i') > 0 then
  redis.call('HDEL', KEYS[2], ARGV[7])
end
return 1
