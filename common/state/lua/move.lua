-- uses: shared
-- move: leaves the account that failed and takes the next candidate with room.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  number of the attempt that begins (2, 3, ...)
--   ARGV[5]  lease in ms           ARGV[6]  cooldown of the failed account in ms (0 = none)
--   ARGV[7]  number of candidates, then from ARGV[8] triples as in admit
-- Returns {'moved', candidate index}, {'denied', reason, retry after ms} or {'gone'} when the
-- lease is over (expired or settled).
-- Invariant: a request holds room on at most one account; after a denial on none; a repeated
-- call gives the first answer.
local id = ARGV[3]
local lease = prefix .. ':lease:' .. id
local fields = redis.call('HMGET', lease, 'account', 'attempt', 'moved', 'reason', 'retry_ms')
if not fields[1] then
  return { 'gone' }
end
if fields[2] == ARGV[4] then
  if fields[3] == '' then
    return { 'denied', fields[4], tonumber(fields[5]) }
  end
  return { 'moved', tonumber(fields[3]) }
end
release_account(fields[1])
cool_down(fields[1], tonumber(ARGV[6]))
local index, account, draft = take_candidate(8, tonumber(ARGV[7]))
redis.call('ZADD', prefix .. ':leases', now_ms + tonumber(ARGV[5]), id)
if not index then
  redis.call('HSET', lease, 'account', '', 'attempt', ARGV[4], 'moved', '',
    'reason', account, 'retry_ms', draft)
  return { 'denied', account, draft }
end
redis.call('HSET', lease, 'account', account, 'attempt', ARGV[4], 'moved', index, 'draft', draft)
return { 'moved', index }
