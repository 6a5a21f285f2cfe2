-- shared.lua: prepended to every script that names it in its first line.
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

local EXPIRED_MEMORY_MS = 86400000 -- how long a late settle finds what was charged already
local SETTLED_MEMORY_MS = 60000 -- longer than a relay repeats a settle whose answer was lost

-- An account's count of open requests goes down; a count of none is no field.
local function release_account(account)
  if account and account ~= '' then
    local inflight = prefix .. ':inflight'
    if redis.call('HINCRBY', inflight, 'account:' .. account, -1) <= 0 then
      redis.call('HDEL', inflight, 'account:' .. account)
    end
  end
end

-- The outbox is a stream; the entry's id is the record's outbox id.
local function append_to_outbox(record)
  return redis.call('XADD', prefix .. ':outbox', '*', 'r', record)
end

-- Leases of dead relays become interrupted records; returns how many.
local function expire_leases(limit)
  local leases = prefix .. ':leases'
  local ids = redis.call('ZRANGEBYSCORE', leases, '-inf', now_ms, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local lease = prefix .. ':lease:' .. id
    local fields = redis.call('HMGET', lease, 'account', 'draft')
    if fields[2] then
      append_to_outbox(fields[2])
      redis.call('SET', prefix .. ':expired:' .. id, fields[2], 'PX', EXPIRED_MEMORY_MS)
      release_account(fields[1])
      redis.call('DEL', lease)
    end
    redis.call('ZREM', leases, id)
  end
  return #ids
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

-- Takes the first candidate whose account is not cooling and has capacity.
-- From ARGV[first]: triples of account, max concurrency (0 = no bound), draft.
-- Returns index (from 0), account, draft; or nil, reason, retry after in ms.
local function take_candidate(first, count)
  local soonest_ms, full = nil, false
  for index = 0, count - 1 do
    local account = ARGV[first + 3 * index]
    local rest_ms = cooldown_rest_ms(account)
    if rest_ms > 0 then
      soonest_ms = math.min(soonest_ms or rest_ms, rest_ms)
    else
      local most = tonumber(ARGV[first + 3 * index + 1])
      local field = 'account:' .. account
      local open = tonumber(redis.call('HGET', prefix .. ':inflight', field) or 0)
      if most == 0 or open < most then
        redis.call('HINCRBY', prefix .. ':inflight', field, 1)
        return index, account, ARGV[first + 3 * index + 2]
      end
      full = true
    end
  end
  if full or not soonest_ms then
    return nil, 'no_capacity', 1000
  end
  return nil, 'cooling_down', soonest_ms
end

-- Whether a key may be used. Returns a refusal to answer with, or nil and the key's fields
-- (version, status, expires at, record). An unknown key counts against the caller's address.
local function check_key(epoch, hash, address)
  if redis.call('EXISTS', epoch) == 0 then
    return { 'rebuilding' }
  end
  local key = redis.call('HMGET', prefix .. ':key:' .. hash, 'v', 's', 'x', 'r')
  if not key[1] then
    local failures = prefix .. ':auth-failures:relay:' .. address
    local count = redis.call('INCR', failures)
    if count == 1 then
      redis.call('PEXPIRE', failures, 60000)
    end
    return { 'unknown', count }
  end
  if key[2] ~= 'active' then
    return { 'refused', key[2] }
  end
  local expires_ms = tonumber(key[3])
  if expires_ms > 0 and now_ms >= expires_ms then
    return { 'refused', 'expired' }
  end
  return nil, key
end

