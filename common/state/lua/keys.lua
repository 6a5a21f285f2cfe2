-- keys.lua: whether a key may be used, and which records are current for it.
--
-- Parts that only some scripts need stand apart: a script makes its functions anew at every call.

-- Whether a key may be used. Returns a refusal to answer with, or nil and the key's fields
-- (version, status, expires at, record, team's and user's scope, how long it lasts from its first
-- use on, id). An unknown key counts against the caller's address.
local function check_key(epoch, hash, address)
  if redis.call('EXISTS', epoch) == 0 then
    return { 'rebuilding' }
  end
  local key = redis.call('HMGET', prefix .. ':key:' .. hash, 'v', 's', 'x', 'r', 't', 'u',
    'a', 'i')
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
  if key[7] then
    local first_ms = tonumber(redis.call('HGET', prefix .. ':activations', key[8]) or 0)
    if first_ms > 0 and now_ms >= first_ms + tonumber(key[7]) then
      return { 'refused', 'expired' }
    end
    key.unused = first_ms == 0
  end
  return nil, key
end

-- The first admitted request of a key whose end depends on it: noted for Postgres, too.
local function activate_key(id)
  redis.call('HSET', prefix .. ':activations', id, now_ms)
  redis.call('SADD', prefix .. ':activated', id)
end

-- The versions of a key, of the policies that apply, of the operator's prices and of the routing
-- table, as one string: `7 3 0 0 0 0`; and the accounts' version.
local function versions_of(key)
  local found = redis.call('HMGET', prefix .. ':versions', 'organisation', key[5] or '',
    key[6] or '', 'accounts', 'prices', 'routing')
  local versions = key[1] .. ' ' .. (found[1] or '0') .. ' ' .. (found[2] or '0') .. ' '
    .. (found[3] or '0') .. ' ' .. (found[5] or '0') .. ' ' .. (found[6] or '0')
  return versions, found[4] or '0'
end

-- All current records of a key, for a relay whose snapshot is old: the word, versions, the key's
-- record, accounts' version and list, and the three policies ('' for none).
local function current_records(word, key)
  local versions, accounts_version = versions_of(key)
  local accounts = redis.call('HGET', prefix .. ':accounts', 'r')
  local reply = { word, versions, key[4], accounts_version, accounts or '[]' }
  for _, scope in ipairs({ 'organisation', key[5] or '', key[6] or '' }) do
    reply[#reply + 1] = redis.call('HGET', prefix .. ':policy:' .. scope, 'r') or ''
  end
  return reply
end
