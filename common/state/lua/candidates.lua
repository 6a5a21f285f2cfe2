-- candidates.lua: which account serves.

-- Takes the first candidate that the money allows, whose account is not cooling and has capacity.
-- From ARGV[first]: fours of account, max concurrency (0 = no bound), draft, and charge: msgpack
-- of {input nano, nano per output token, output cap wanted (-1 = none), least cap, the draft's
-- tokens, the draft's nano}; '' where no rule applies.
-- Returns the candidate: index (from 0), account, draft, cap, nano, charge; or nil and the denial:
-- reason, retry ms, and for money index of the rule, remaining, reset ms.
local function take_candidate(first, count, rooms)
  local soonest_ms, full, too_dear = nil, false, nil
  for index = 0, count - 1 do
    local position = first + 4 * index
    local account, most = ARGV[position], tonumber(ARGV[position + 1])
    local charge, cap, nano = nil, -1, 0
    if ARGV[position + 3] ~= '' then
      charge = cmsgpack.unpack(ARGV[position + 3])
      cap, nano = limits().fit(charge, rooms)
    end
    local rest_ms = cooldown_rest_ms(account)
    if not cap then
      too_dear = too_dear or limits().money_denial(charge, nano)
    elseif rest_ms > 0 then
      soonest_ms = math.min(soonest_ms or rest_ms, rest_ms)
    else
      local field = 'account:' .. account
      local open = tonumber(redis.call('HGET', prefix .. ':inflight', field) or 0)
      if most == 0 or open < most then
        redis.call('HINCRBY', prefix .. ':inflight', field, 1)
        return {
          index = index, account = account, draft = ARGV[position + 2], cap = cap, nano = nano,
          charge = charge,
        }
      end
      full = true
    end
  end
  if full then
    return nil, { 'no_capacity', 1000 }
  elseif soonest_ms then
    return nil, { 'cooling_down', soonest_ms }
  end
  return nil, too_dear or { 'no_capacity', 1000 }
end
