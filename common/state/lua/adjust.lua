-- uses: shared rules thresholds leases
-- adjust: posts the difference when a settle came after its lease had expired.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  adjustment record, JSON
--   ARGV[5]  tokens used in all    ARGV[6]  nano-USD spent in all
-- Returns {'adjusted', outbox id}, {'repeated', outbox id}, or {'skipped'} when no expired lease
-- is remembered.
-- Invariant: an expired request is adjusted at most once.
local id = ARGV[3]
local settled = prefix .. ':settled:' .. id
local first = redis.call('GET', settled)
if first then
  return { 'repeated', first }
end
local expired = prefix .. ':expired:' .. id
local fields = redis.call('HMGET', expired, 'draft', 'rules', 'at', 'tokens', 'nano')
if not fields[1] then
  return { 'skipped' }
end
redis.call('DEL', expired)
if fields[2] then
  local rules, charged = held_by(fields[2], fields[3], fields[4], fields[5])
  limits().count_difference(rules, charged, tonumber(ARGV[5]) - charged.tokens,
    tonumber(ARGV[6]) - charged.nano)
  tell_thresholds(rules)
end
local outbox_id = append_to_outbox(ARGV[4])
redis.call('SET', settled, outbox_id, 'PX', SETTLED_MEMORY_MS)
return { 'adjusted', outbox_id }
