-- renew_lock: makes a lock last longer if the caller still holds it.
--   KEYS[1]  <prefix>:lock:<name>   ARGV[1]  the caller's token   ARGV[2]  from now on, in ms
-- Returns 1 when renewed, 0 when another holds it or nobody does.
-- Invariant: a lock that was lost is never taken back by renewing it.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
