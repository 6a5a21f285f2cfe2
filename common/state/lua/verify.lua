-- uses: shared
-- verify: checks a key for a request that uses nothing (model lists); opens no lease.
--   KEYS[1]  <prefix>:epoch
--   ARGV[3]  SHA-256 of the key    ARGV[4]  caller's address
-- Returns {'current', key version, key record, accounts version, accounts record}, or
-- {'refused', status}, {'unknown', failures}, {'rebuilding'} as admit does.
local refusal, key = check_key(KEYS[1], ARGV[3], ARGV[4])
if refusal then
  return refusal
end
local accounts = redis.call('HMGET', prefix .. ':accounts', 'v', 'r')
return { 'current', key[1], key[4], accounts[1] or '0', accounts[2] or '[]' }
