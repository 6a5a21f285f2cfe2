-- uses: shared rests
-- close_account: an account serves again.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  account               ARGV[4]  id of the probe that it served ('' = by decision)
-- Returns 1; 0 when nothing was kept of it, or another request is its probe by now.
-- Invariant: only the probe that holds an account closes its circuit, or an operator.
local account, id = ARGV[3], ARGV[4]
if id ~= '' and not is_probe(account, id) then
  return 0
end
if string.sub(id, 1, 6) == 'probe-' then
  redis.call('DEL', prefix .. ':lease:' .. id)
end
return redis.call('HDEL', prefix .. ':cooldowns', account)
