-- candidates.lua: which account serves.

-- In how many ms an account's own rules may let the request by (-1 = never); nil when they do now.
local function account_rest_ms(rules, tokens, nano)
  local denial = limits().check_counts(rules, tokens)
  if denial then
    return denial[3]
  end
  for _, room in ipairs(limits().money_rooms(rules)) do
    if nano > room[2] then
      return limits().money_rest_ms(room, nano)
    end
  end
  return nil
end

-- Takes a candidate that the money allows, whose account is not cooling, has capacity, and is at no
-- limit of its own: in the first tier that has one, the one with the fewest open requests for its
-- weight; of equals the first. One to be tried again gets the request (ARGV[3]) as its probe.
-- From ARGV[first]: sevens of account, max concurrency (0 = no bound), draft, charge: msgpack of
-- {input nano, nano per output token, output cap wanted (-1 = none), least cap, the draft's
-- tokens, the draft's nano}, '' where no rule applies; the account's rules, '' = none; its tier
-- (those of one come together) and its weight (above 0).
-- Returns the candidate: index (from 0), account, draft, cap, nano, charge, rules (nil = none) and
-- whether it is a probe; or nil and the denial: reason, retry ms, and for money index of the rule,
-- remaining, reset ms.
local function take_candidate(first, count, rooms, tokens)
  local soonest_ms, full, limited, cooling, too_dear = nil, false, false, false, nil
  local taken, least = nil, nil
  local function wait(rest_ms)
    if rest_ms >= 0 then
      soonest_ms = math.min(soonest_ms or rest_ms, rest_ms)
    end
  end
  for index = 0, count - 1 do
    local position = first + 7 * index
    if taken and taken.tier ~= ARGV[position + 5] then
      break
    end
    local account, most = ARGV[position], tonumber(ARGV[position + 1])
    local charge, cap, nano = nil, -1, 0
    if ARGV[position + 3] ~= '' then
      charge = cmsgpack.unpack(ARGV[position + 3])
      cap, nano = limits().fit(charge, rooms)
    end
    local rest_ms, probe = rest_ms_of(account)
    if not cap then
      too_dear = too_dear or limits().money_denial(charge, nano)
    elseif rest_ms > 0 then
      cooling = true
      wait(rest_ms)
    else
      local field = 'account:' .. account
      local open = tonumber(redis.call('HGET', prefix .. ':inflight', field) or 0)
      local rules = ARGV[position + 4] ~= '' and unpack_rules(ARGV[position + 4]) or nil
      local limit_ms = rules and account_rest_ms(rules, tokens, nano)
      if limit_ms then
        limited = true
        wait(limit_ms)
      elseif most == 0 or open < most then
        local load = open / tonumber(ARGV[position + 6])
        if not taken or load < least then
          least = load
          taken = {
            index = index, account = account, draft = ARGV[position + 2], cap = cap, nano = nano,
            charge = charge, rules = rules, tier = ARGV[position + 5], probe = probe,
          }
        end
      else
        full = true
        wait(1000)
      end
    end
  end
  if taken then
    redis.call('HINCRBY', prefix .. ':inflight', 'account:' .. taken.account, 1)
    if taken.probe then
      begin_probe(taken.account, ARGV[3])
    end
    return taken
  elseif full then
    return nil, { 'no_capacity', soonest_ms }
  elseif limited then
    return nil, { 'account_limited', soonest_ms or -1 }
  elseif cooling then
    return nil, { 'cooling_down', soonest_ms }
  end
  return nil, too_dear or { 'no_capacity', 1000 }
end

-- A request's own rules and those of the account that serves it, as a lease keeps them: packed.
local function with_account(rules, packed, taken)
  if not taken.rules then
    return packed
  end
  local all = {}
  for _, rule in ipairs(rules) do
    all[#all + 1] = rule
  end
  for _, rule in ipairs(taken.rules) do
    rule[9] = now_ms
    all[#all + 1] = rule
  end
  return cmsgpack.pack(all)
end
