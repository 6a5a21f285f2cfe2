-- expiry.lua: how requests end whose relay died.
local EXPIRED_MEMORY_MS = 86400000 -- how long a late settle finds what was charged already

-- Leases of dead relays become interrupted records, charged as their drafts say; returns how many.
local function expire_leases(limit)
  local leases = prefix .. ':leases'
  local ids = redis.call('ZRANGEBYSCORE', leases, '-inf', now_ms, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local lease = prefix .. ':lease:' .. id
    local fields = redis.call('HMGET', lease, 'account', 'draft', 'rules', 'at', 'tokens', 'nano',
      'draft_tokens', 'draft_nano')
    if fields[2] then
      local expired = prefix .. ':expired:' .. id
      append_to_outbox(fields[2])
      redis.call('HSET', expired, 'draft', fields[2])
      if fields[3] then
        local rules, held = held_by(fields[3], fields[4], fields[5], fields[6])
        limits().settle_rules(rules, held, tonumber(fields[7]), tonumber(fields[8]))
        tell_thresholds(rules)
        redis.call('HSET', expired, 'rules', fields[3], 'at', fields[4], 'tokens', fields[7],
          'nano', fields[8])
      end
      redis.call('PEXPIRE', expired, EXPIRED_MEMORY_MS)
      release_account(fields[1])
      redis.call('DEL', lease)
    end
    redis.call('ZREM', leases, id)
  end
  return #ids
end
