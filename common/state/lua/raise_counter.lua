-- raise_counter: a counter of a period shows at least what Postgres knows of.
--   KEYS[1]  <prefix>:money:<scope>:<period> or <prefix>:count:<scope>:<period>
--   KEYS[2]  <prefix>:lock:reconcile-cut
--   ARGV[1]  field (s, r or t)   ARGV[2]  at least so much
--   ARGV[3]  when to forget it, ms since 1970 (0 = never)
-- Returns 1 when raised, 0 when it was that high.
-- A reconciliation that is under way loses its lock: what it has read is no more, and adding to it
-- would count twice.
-- Invariant: it never lowers a counter, which may count what Postgres has not seen yet; so it may
-- run at any time and twice.
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
if ARGV[3] ~= '0' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[3])
end
return 1
