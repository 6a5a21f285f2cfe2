-- uses: shared
-- admit: verifies the relay's snapshot, takes the first candidate with room, opens a lease.
--   KEYS[1]  <prefix>:epoch
--   ARGV[3]  request id            ARGV[4]  SHA-256 of the key
--   ARGV[5]  known key version     ARGV[6]  known accounts version
--   ARGV[7]  lease in ms           ARGV[8]  caller's address, for the throttle of unknown keys
--   ARGV[9]  number of candidates, then from ARGV[10] triples: account, max concurrency, draft
-- Returns one of
--   {'admitted', candidate index}          {'denied', reason, retry after ms}
--   {'stale', key version, key record, accounts version, accounts record}
--   {'refused', status}  status: revoked, disabled, expired
--   {'unknown', failures of this address within a minute}
--   {'rebuilding'}  the projection is not there (fresh, flushed or restored Redis)
-- Invariant: a request id has at most one lease; a repeated call gives the first answer; a call
-- that does not admit changes nothing but the throttle and leases that were over anyway.
local id = ARGV[3]
local lease = prefix .. ':lease:' .. id
local admitted = redis.call('HGET', lease, 'admitted')
if admitted then
  return { 'admitted', tonumber(admitted) }
end
local refusal, key = check_key(KEYS[1], ARGV[4], ARGV[8])
if refusal then
  return refusal
end
local accounts = redis.call('HMGET', prefix .. ':accounts', 'v', 'r')
if key[1] ~= ARGV[5] or (accounts[1] or '0') ~= ARGV[6] then
  return { 'stale', key[1], key[4], accounts[1] or '0', accounts[2] or '[]' }
end
expire_leases(2)
local index, account, draft = take_candidate(10, tonumber(ARGV[9]))
if not index then
  return { 'denied', account, draft }
end
redis.call('HSET', lease, 'admitted', index, 'account', account, 'draft', draft, 'attempt', 1)
redis.call('ZADD', prefix .. ':leases', now_ms + tonumber(ARGV[7]), id)
return { 'admitted', index }
