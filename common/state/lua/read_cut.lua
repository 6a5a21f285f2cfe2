-- uses: shared rules
-- read_cut: counters, what open leases hold on them, and the outbox's newest id, of one moment.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  token that holds <prefix>:lock:reconcile-cut
--   ARGV[4]  with more open leases than that, what they hold is left out: reading them would keep
--            Redis from all else for too long
--   ARGV[5]  counters' keys without the prefix, msgpack
-- Returns {'lost'} when the token does not hold the lock, or
--   {'cut', newest outbox id, 1 or 0 = leases were read, fives of s, r, t, held, held tokens}
--   where `held` is of money nano-USD, of counts requests.
-- Invariant: changes nothing.
if redis.call('GET', prefix .. ':lock:reconcile-cut') ~= ARGV[3] then
  return { 'lost' }
end
local counters = cmsgpack.unpack(ARGV[5])
local held, held_tokens, known = {}, {}, {}
for _, key in ipairs(counters) do
  held[key], held_tokens[key] = 0, 0
end

local function unpacked(rules)
  known[rules] = known[rules] or unpack_rules(rules)
  return known[rules]
end

local leases = prefix .. ':leases'
local readable = redis.call('ZCARD', leases) <= tonumber(ARGV[4])
for _, id in ipairs(readable and redis.call('ZRANGE', leases, 0, -1) or {}) do
  local fields = redis.call('HMGET', prefix .. ':lease:' .. id, 'rules', 'tokens', 'nano')
  for _, rule in ipairs(unpacked(fields[1] or '')) do
    local key = rule[2]
    if rule[7] == 1 and held[key] then
      if rule[1] == 'm' then
        held[key] = held[key] + tonumber(fields[3] or 0)
      elseif rule[3] == 't' then
        held_tokens[key] = held_tokens[key] + tonumber(fields[2] or 0)
      elseif rule[3] == 'r' then
        held[key] = held[key] + 1
      end
    end
  end
end

local newest = '0-0'
local newest_entry = redis.pcall('XINFO', 'STREAM', prefix .. ':outbox')
for position = 1, #newest_entry, 2 do
  if newest_entry[position] == 'last-generated-id' then
    newest = newest_entry[position + 1]
  end
end
local reply = { 'cut', newest, readable and 1 or 0 }
for _, key in ipairs(counters) do
  for _, figure in ipairs(redis.call('HMGET', prefix .. ':' .. key, 's', 'r', 't')) do
    reply[#reply + 1] = tonumber(figure or 0)
  end
  reply[#reply + 1] = held[key]
  reply[#reply + 1] = held_tokens[key]
end
return reply
