-- uses: shared rules leases rests candidates
-- move: leaves the account that failed and takes the best candidate with room; what was reserved
-- for the failed one is given back, what the next one may cost is reserved. Of the failed account's
-- own limits only the request itself stays counted.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  number of the attempt that begins (2, 3, ...)
--   ARGV[5]  lease in ms           ARGV[6]  rest of the failed account (see rests.lua)
--   ARGV[7]  number of candidates, then from ARGV[8] sevens as in admit
-- Returns {'moved', candidate index, output cap (-1 = none), 1 = as a probe},
-- {'denied', reason, retry after ms}, or {'gone'} when the lease is over (expired or settled).
-- Invariant: a request holds room and money for at most one account; after a denial for none, but
-- of its money what its draft would charge if its relay died now; a repeated call gives the first
-- answer.
local id = ARGV[3]
local lease = prefix .. ':lease:' .. id
local fields = redis.call('HMGET', lease, 'account', 'attempt', 'moved', 'reason', 'retry_ms',
  'cap', 'rules', 'at', 'tokens', 'nano', 'own', 'draft_nano')
if not fields[1] then
  return { 'gone' }
end
if fields[2] == ARGV[4] then
  if fields[3] == '' then
    return { 'denied', fields[4], tonumber(fields[5]) }
  end
  local probe = is_probe(fields[1], id)
  return { 'moved', tonumber(fields[3]), tonumber(fields[6]), probe and 1 or 0 }
end
local rules, held = held_by(fields[7], fields[8], fields[9], fields[10])
release_account(fields[1])
local own, packed = rules, fields[7]
if fields[11] then
  packed = fields[11]
  own = unpack_rules(packed)
  local failed = {}
  for index = #own + 1, #rules do
    failed[#failed + 1] = rules[index]
  end
  limits().settle_rules(failed, held, 0, 0)
end
if #own > 0 then
  limits().release_money(own, held)
end
rest_account(fields[1], ARGV[6], id)
local rooms = #own > 0 and limits().money_rooms(own) or {}
local taken, why = take_candidate(8, tonumber(ARGV[7]), rooms, held.tokens)
redis.call('ZADD', prefix .. ':leases', now_ms + tonumber(ARGV[5]), id)
if not taken then
  local kept = math.min(held.nano, tonumber(fields[12] or 0))
  if #own > 0 then
    limits().hold_money(own, kept)
  end
  redis.call('HSET', lease, 'account', '', 'attempt', ARGV[4], 'moved', '',
    'reason', why[1], 'retry_ms', why[2], 'nano', kept)
  if fields[11] then
    redis.call('HSET', lease, 'rules', packed)
  end
  return { 'denied', why[1], why[2] }
end
redis.call('HSET', lease, 'account', taken.account, 'attempt', ARGV[4], 'moved', taken.index,
  'draft', taken.draft, 'cap', taken.cap)
if packed and taken.charge then
  limits().hold_money(own, taken.nano)
  if taken.rules then
    limits().hold(taken.rules, held.tokens, taken.nano)
    redis.call('HSET', lease, 'own', packed)
  end
  redis.call('HSET', lease, 'nano', taken.nano, 'draft_tokens', taken.charge[5],
    'draft_nano', taken.charge[6], 'rules', with_account(own, packed, taken))
end
return { 'moved', taken.index, taken.cap, taken.probe and 1 or 0 }
