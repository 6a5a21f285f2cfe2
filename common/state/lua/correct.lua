-- uses: shared rules leases
-- correct: posts an adjustment of a request that was over long ago, such as its price's.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  the adjustment's id   ARGV[4]  adjustment record, JSON
--   ARGV[5]  rules of the periods that go on, '' = none
--   ARGV[6]  when the request was admitted, ms   ARGV[7]  difference in nano-USD
-- Returns {'corrected', outbox id} or {'repeated', outbox id}.
-- Invariant: an adjustment is counted and appended once a day at most; the ledger takes its id
-- once for ever.
local settled = prefix .. ':settled:' .. ARGV[3]
local first = redis.call('GET', settled)
if first then
  return { 'repeated', first }
end
if ARGV[5] ~= '' then
  local rules, held = held_by(ARGV[5], ARGV[6], '0', '0')
  limits().count_difference(rules, held, 0, tonumber(ARGV[7]))
end
local outbox_id = append_to_outbox(ARGV[4])
redis.call('SET', settled, outbox_id, 'PX', 86400000)
return { 'corrected', outbox_id }
