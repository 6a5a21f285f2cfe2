-- delete_posted: takes records out of the outbox whose ledger transaction has committed.
--   KEYS[1]  <prefix>:outbox       KEYS[2]  <prefix>:lock:reconcile-cut
--   KEYS[3]  <prefix>:reconcile-posted
--   ARGV     outbox ids
-- Returns how many there were.
-- Invariant: while a reconciliation holds KEYS[2], what leaves the outbox is to be found in KEYS[3].
local held = redis.call('EXISTS', KEYS[2]) == 1
local count = 0
for _, id in ipairs(ARGV) do
  if held then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
      redis.call('HSET', KEYS[3], id, entry[2][2])
    end
  end
  count = count + redis.call('XDEL', KEYS[1], id)
end
if held then
  redis.call('PEXPIRE', KEYS[3], 60000)
end
return count
