-- put_accounts: writes the list of accounts into the projection unless a newer one is there.
--   KEYS[1]  <prefix>:accounts   KEYS[2]  <prefix>:versions, which admit compares
--   ARGV[1]  version   ARGV[2]  JSON list of account records
-- Returns 1 when written, 0 when a newer version stays.
local known = redis.call('HGET', KEYS[1], 'v')
if known and tonumber(known) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'r', ARGV[2])
redis.call('HSET', KEYS[2], 'accounts', ARGV[1])
return 1
