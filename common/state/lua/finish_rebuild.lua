-- finish_rebuild: declares the projection complete, if it still is what this rebuild made.
--   KEYS[1]  <prefix>:epoch   KEYS[2]  <prefix>:lock:<name>
--   ARGV[1]  the caller's token, which becomes the epoch
-- Returns 1 when done, 0 when the lock is lost.
-- Invariant: a flush takes the lock along with what was projected before it, so that half a
-- projection never counts as one.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
