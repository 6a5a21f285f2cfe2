-- uses: shared keys rules thresholds leases expiry rests candidates queues
-- admit: verifies the relay's snapshot, checks and counts every limit and budget, takes the best
-- candidate with room, opens a lease: all of it or nothing.
--   KEYS[1]  <prefix>:epoch
--   ARGV[3]  request id            ARGV[4]  SHA-256 of the key
--   ARGV[5]  known versions: of the key, and of the policies of organisation, team and user
--   ARGV[6]  known accounts version
--   ARGV[7]  lease in ms           ARGV[8]  caller's address, for the throttle of unknown keys
--   ARGV[9]  estimated tokens      ARGV[10] rules (see rules.lua), '' = none
--   ARGV[11] 0; of one that waits since when, in ms; -1 = it may not wait any longer
--   ARGV[12] number of candidates, then from ARGV[13] sevens (see take_candidate)
-- Returns one of
--   {'admitted', candidate index, output cap (-1 = none), windows of a minute, 1 = as a probe}
--   {'denied', reason, retry after ms (-1 = never), rule index, remaining, reset ms, windows}
--     reason: no_capacity, account_limited, cooling_down (no rule then); rate, reserved, exhausted
--   {'waiting', place from 0, since when in ms}  only concurrency denies, and its queue had room
--   {'stale', ...} all current records, see current_records
--   {'refused', status}  status: revoked, disabled, expired
--   {'unknown', failures of this address within a minute}
--   {'rebuilding'}  the projection is not there (fresh, flushed or restored Redis)
-- Invariant: a request id has at most one lease; a repeated call gives the first answer; a call
-- that does not admit changes nothing but the throttle, its own places in queues, and leases that
-- were over anyway.
local id = ARGV[3]
local lease = prefix .. ':lease:' .. id
local first = redis.call('HMGET', lease, 'admitted', 'cap_first', 'account')
if first[1] then
  local probe = is_probe(first[3], id)
  return { 'admitted', tonumber(first[1]), tonumber(first[2] or -1), {}, probe and 1 or 0 }
end
local refusal, key = check_key(KEYS[1], ARGV[4], ARGV[8])
if refusal then
  return refusal
end
local versions, accounts_version = versions_of(key)
if versions ~= ARGV[5] or accounts_version ~= ARGV[6] then
  return current_records('stale', key)
end
expire_leases(2)
local tokens, rules = tonumber(ARGV[9]), unpack_rules(ARGV[10])
local minutes, rooms, denial, blocked = {}, {}, nil, nil
if #rules > 0 then
  denial, minutes, blocked = limits().check_counts(rules, tokens, function(rule)
    return waiting_before(rule, id)
  end)
  if denial then
    local since_ms = ARGV[11] == '0' and now_ms or tonumber(ARGV[11])
    local place = blocked and since_ms > 0 and wait_for(rules, blocked, id, since_ms)
    if place then
      return { 'waiting', place, since_ms }
    end
    if ARGV[11] ~= '0' then
      leave_queues(rules, id)
    end
    return { 'denied', 'rate', denial[3], denial[1], denial[2], denial[4], minutes }
  end
  rooms = limits().money_rooms(rules)
end
if ARGV[11] ~= '0' then
  leave_queues(rules, id)
end
local taken, why = take_candidate(13, tonumber(ARGV[12]), rooms, tokens)
if not taken then
  return { 'denied', why[1], why[2], why[3] or -1, why[4] or 0, why[5] or -1, minutes }
end
redis.call('HSET', lease, 'admitted', taken.index, 'account', taken.account, 'draft', taken.draft,
  'attempt', 1)
if taken.charge then
  limits().hold(rules, tokens, taken.nano)
  if taken.rules then
    limits().hold(taken.rules, tokens, taken.nano)
    redis.call('HSET', lease, 'own', ARGV[10])
  end
  redis.call('HSET', lease, 'rules', with_account(rules, ARGV[10], taken), 'at', now_ms,
    'tokens', tokens, 'nano', taken.nano, 'draft_tokens', taken.charge[5],
    'draft_nano', taken.charge[6], 'cap_first', taken.cap)
end
redis.call('ZADD', prefix .. ':leases', now_ms + tonumber(ARGV[7]), id)
if key.unused then
  activate_key(key[8])
end
return { 'admitted', taken.index, taken.cap, minutes, taken.probe and 1 or 0 }
