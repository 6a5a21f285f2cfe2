-- uses: shared rules thresholds leases rests
-- settle: closes the lease, puts what was used in the place of what was reserved, and the record
-- into the outbox: all or nothing.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  record, JSON
--   ARGV[5]  without a lease: 'append' the record all the same (Redis was flushed meanwhile),
--            or 'skip' (the admission's own answer was lost: it may never have been made)
--   ARGV[6]  account that failed ('' = none)   ARGV[7]  its rest (see rests.lua)
--   ARGV[8]  tokens used           ARGV[9]  nano-USD spent
--   ARGV[10] the rules of the request, for one without a lease ('' = none)
-- Returns {'settled', outbox id}, {'repeated', outbox id}, {'unleased', outbox id}, {'skipped'},
-- or {'expired', draft}: the lease was over and the draft is in the outbox; what differs from it
-- is to be posted by adjust.
-- Invariant: one request id puts one record into the outbox, and its cost on each counter once.
local id = ARGV[3]
local settled = prefix .. ':settled:' .. id
local first = redis.call('GET', settled)
if first then
  return { 'repeated', first }
end
rest_account(ARGV[6], ARGV[7], id)
local draft = redis.call('HGET', prefix .. ':expired:' .. id, 'draft')
if draft then
  return { 'expired', draft }
end
local lease = prefix .. ':lease:' .. id
local fields = redis.call('HMGET', lease, 'account', 'rules', 'at', 'tokens', 'nano')
local account = fields[1]
if not account and ARGV[5] == 'skip' then
  return { 'skipped' }
end
local tokens, nano = tonumber(ARGV[8]), tonumber(ARGV[9])
if account then
  release_account(account)
  if fields[2] then
    local rules, held = held_by(fields[2], fields[3], fields[4], fields[5])
    limits().settle_rules(rules, held, tokens, nano)
    tell_thresholds(rules)
  end
  redis.call('DEL', lease)
  redis.call('ZREM', prefix .. ':leases', id)
elseif ARGV[10] ~= '' then
  local rules = unpack_rules(ARGV[10])
  limits().count_difference(rules, { at = now_ms }, tokens, nano)
  tell_thresholds(rules)
end
local outbox_id = append_to_outbox(ARGV[4])
redis.call('SET', settled, outbox_id, 'PX', SETTLED_MEMORY_MS)
return { account and 'settled' or 'unleased', outbox_id }
