-- uses: shared
-- settle: closes the lease and puts the record into the outbox, both or nothing.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  record, JSON
--   ARGV[5]  without a lease: 'append' the record all the same (Redis was flushed meanwhile),
--            or 'skip' (the admission's own answer was lost: it may never have been made)
--   ARGV[6]  account to cool down ('' = none)   ARGV[7]  its cooldown in ms
-- Returns {'settled', outbox id}, {'repeated', outbox id}, {'unleased', outbox id}, {'skipped'},
-- or {'expired', draft}: the lease was over and the draft is in the outbox; what differs from it
-- is to be posted by adjust.
-- Invariant: one request id puts one record into the outbox.
local id = ARGV[3]
local settled = prefix .. ':settled:' .. id
local first = redis.call('GET', settled)
if first then
  return { 'repeated', first }
end
cool_down(ARGV[6], tonumber(ARGV[7]))
local draft = redis.call('GET', prefix .. ':expired:' .. id)
if draft then
  return { 'expired', draft }
end
local lease = prefix .. ':lease:' .. id
local account = redis.call('HGET', lease, 'account')
if not account and ARGV[5] == 'skip' then
  return { 'skipped' }
end
if account then
  release_account(account)
  redis.call('DEL', lease)
  redis.call('ZREM', prefix .. ':leases', id)
end
local outbox_id = append_to_outbox(ARGV[4])
redis.call('SET', settled, outbox_id, 'PX', SETTLED_MEMORY_MS)
return { account and 'settled' or 'unleased', outbox_id }
