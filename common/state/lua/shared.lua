-- shared.lua: the part that all scripts need; a script's first line names the parts before it.
--
-- Every key carries the hash tag of ARGV[1], so that one script may touch them all, on Redis
-- Cluster too. Records and drafts are opaque JSON: no script decodes one.
--   ARGV[1]  prefix: {relay} or {relay:<installation>}
--   ARGV[2]  now in ms; 0 = the server's own clock (production); tests pass one
local prefix = ARGV[1]
local now_ms = tonumber(ARGV[2])
if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local SETTLED_MEMORY_MS = 60000 -- longer than a relay relies on it (KNOWN_S in stages/settle.py)

-- The outbox is a stream; the entry's id is the record's outbox id.
local function append_to_outbox(record)
  return redis.call('XADD', prefix .. ':outbox', '*', 'r', record)
end

-- Whether an account is in cooldown: the rest in ms, or 0. Past entries are removed.
local function cooldown_rest_ms(account)
  local cooldowns = prefix .. ':cooldowns'
  local until_ms = redis.call('HGET', cooldowns, account)
  if not until_ms then
    return 0
  end
  local rest_ms = tonumber(until_ms) - now_ms
  if rest_ms <= 0 then
    redis.call('HDEL', cooldowns, account)
    return 0
  end
  return rest_ms
end

-- A cooldown is only ever lengthened here: two failures at once keep the longer rest.
local function cool_down(account, rest_ms)
  if account ~= '' and rest_ms > 0 and cooldown_rest_ms(account) < rest_ms then
    redis.call('HSET', prefix .. ':cooldowns', account, now_ms + rest_ms)
  end
end
