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
