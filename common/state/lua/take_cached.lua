-- take_cached: a kept answer that is young enough, or the right to make it.
--   KEYS[1]  the entry   KEYS[2]  who makes it
--   ARGV[1]  the asker's token   ARGV[2]  how long the right holds unless it is renewed, in ms
--   ARGV[3]  how old an answer may be, in ms; its value begins with when it was made, and a space
-- Returns {'kept', value}, {'make'}, {'wait'}: another one makes it, or
-- {'alone'}: its answers cannot be kept, so nobody waits for one.
-- Invariant: at most one token has the right to make an entry.
local value = redis.call('GET', KEYS[1])
if value then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  if now_ms - tonumber(string.match(value, '^%d+') or 0) <= tonumber(ARGV[3]) then
    return { 'kept', value }
  end
end
local maker = redis.call('GET', KEYS[2])
if maker == '-' then
  return { 'alone' }
elseif maker and maker ~= ARGV[1] then
  return { 'wait' }
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return { 'make' }
