-- release_lock: frees a lock only for its holder.
--   KEYS[1]  the lock   ARGV[1]  the holder's token
-- Returns 1 when freed, 0 when it was another's or over.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
