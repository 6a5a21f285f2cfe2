-- uses: shared rests
-- rest_account: lets an account rest, outside of a request's own calls.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  account               ARGV[4]  '<ms> <named> <cause>'
--   ARGV[5]  id of the probe that failed ('' = none)
-- Returns 1.
-- Invariant: as in rests.lua; a rest is never shortened.
rest_account(ARGV[3], ARGV[4], ARGV[5])
if string.sub(ARGV[5], 1, 6) == 'probe-' then
  redis.call('DEL', prefix .. ':lease:' .. ARGV[5])
end
return 1
