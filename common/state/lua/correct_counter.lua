-- correct_counter: adds to a counter by how much it was found wrong.
--   KEYS[1]  <prefix>:money:<scope>:<period> or <prefix>:count:<scope>:<day>
--   KEYS[2]  <prefix>:lock:reconcile-cut
--   ARGV[1]  token that has held KEYS[2] since the counter was read
--   ARGV[2]  field (s, r or t)     ARGV[3]  what to add
--   ARGV[4]  when to forget the counter, ms since 1970 (0 = never)
-- Returns 1, or 0 when the lock is lost: then nothing is changed.
-- Invariant: only a difference is added, so that what was counted since it was found stays counted.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])
if ARGV[4] ~= '0' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[4])
end
return 1
