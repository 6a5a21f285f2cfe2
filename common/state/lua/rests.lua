-- rests.lua: which accounts rest after failures, and which request tries one again.
--
-- <prefix>:cooldowns has a field for each account that does not serve freely:
--   '<until ms> <rest ms> <named: 1|0> <since ms> <cause> <probe: request id | ->'
-- Until then its circuit is open. After that, a rest that the provider named is over; any other
-- one is half-open: one request, the probe, may try the account, and all others pass it over.
-- Invariant: a probe has an open lease on its account, or there is none; so there are never two,
-- and an account whose probe ended without a word gets another one.
local REST_MS_MAX = 900000 -- what failed probes double the rest up to
local PROBED_MS = 1000     -- when to look again at an account that is being tried

-- What is kept of an account: until, rest, named, since, cause, probe; nil = it serves.
local function rest_of(account)
  local kept = redis.call('HGET', prefix .. ':cooldowns', account)
  if not kept then
    return nil
  end
  local till, rest, named, since, cause, probe =
    string.match(kept, '^(%d+) (%d+) ([01]) (%d+) (%S+) (%S+)$')
  local rests = {
    till = tonumber(till or kept) or 0, rest = tonumber(rest or 0), named = (named or '1') == '1',
    since = tonumber(since or now_ms), cause = cause or 'failing', probe = probe or '-',
  }
  if rests.named and rests.till <= now_ms then
    redis.call('HDEL', prefix .. ':cooldowns', account)
    return nil
  end
  return rests
end

local function keep_rest(account, rests)
  redis.call('HSET', prefix .. ':cooldowns', account, string.format('%.0f %.0f %d %.0f %s %s',
    rests.till, rests.rest, rests.named and 1 or 0, rests.since, rests.cause, rests.probe))
end

local function is_probed(account, rests)
  return rests.probe ~= '-'
    and redis.call('HGET', prefix .. ':lease:' .. rests.probe, 'account') == account
end

-- In how many ms an account may be asked (0 = now), and whether only as a probe.
local function rest_ms_of(account)
  local rests = rest_of(account)
  if not rests then
    return 0, false
  elseif rests.till > now_ms then
    return rests.till - now_ms, false
  elseif is_probed(account, rests) then
    return PROBED_MS, false
  end
  return 0, true
end

-- Whether the request is the account's probe.
local function is_probe(account, id)
  local rests = account and rest_of(account)
  return rests and rests.probe == id
end

-- From here on the request is the account's probe; it holds a lease on it by the script's end.
local function begin_probe(account, id)
  local rests = rest_of(account)
  rests.probe = id
  keep_rest(account, rests)
end

-- An account failed for this request: it rests. `words` are '<ms> <named> <cause>', '' = it does
-- not. A rest is only ever lengthened: two failures at once keep the longer one. That of a failed
-- probe is twice the one before.
local function rest_account(account, words, id)
  local ms, named, cause = string.match(words, '^(%d+) ([01]) (%S+)$')
  if account == '' or not ms then
    return
  end
  local before = rest_of(account)
  local rests = {
    rest = tonumber(ms), named = named == '1', since = now_ms, cause = cause, probe = '-',
  }
  if before then
    rests.since = before.since
    if before.probe ~= id then
      rests.probe = before.probe
    elseif not rests.named then
      rests.rest = math.max(rests.rest, math.min(2 * before.rest, REST_MS_MAX))
    end
  end
  rests.till = now_ms + rests.rest
  if before and before.till > rests.till then
    before.probe = rests.probe
    rests = before
  end
  keep_rest(account, rests)
end
