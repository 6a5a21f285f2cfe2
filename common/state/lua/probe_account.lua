-- uses: shared rests
-- probe_account: takes an account's probe for a test call, which is no request.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  account               ARGV[4]  how long it is held at most, in ms
-- Returns the probe's id, or '' when the account rests on, serves, or is being tried.
-- Invariant: as in rests.lua: what holds the probe is a lease, which here ends by itself. One that
-- is unauthorized may be tried at any time: no request does so before the rest is over.
local account = ARGV[3]
local rests = rest_of(account)
if not rests or is_probed(account, rests)
  or (rests.till > now_ms and rests.cause ~= 'unauthorized') then
  return ''
end
local id = 'probe-' .. account
redis.call('HSET', prefix .. ':lease:' .. id, 'account', account)
redis.call('PEXPIRE', prefix .. ':lease:' .. id, ARGV[4])
begin_probe(account, id)
return id
