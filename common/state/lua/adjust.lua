-- uses: shared
-- adjust: posts the difference when a settle came after its lease had expired.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  adjustment record, JSON
-- Returns {'adjusted', outbox id}, {'repeated', outbox id}, or {'skipped'} when no expired lease
-- is remembered.
-- Invariant: an expired request is adjusted at most once.
local id = ARGV[3]
local settled = prefix .. ':settled:' .. id
local first = redis.call('GET', settled)
if first then
  return { 'repeated', first }
end
if redis.call('DEL', prefix .. ':expired:' .. id) == 0 then
  return { 'skipped' }
end
local outbox_id = append_to_outbox(ARGV[4])
redis.call('SET', settled, outbox_id, 'PX', SETTLED_MEMORY_MS)
return { 'adjusted', outbox_id }
