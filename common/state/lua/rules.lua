-- rules.lua: what limits and budgets say of a request, what it holds of them, what it leaves.
--
-- Rules come as one msgpack list; common/domain/limits.py makes it. A rule is an array of
--   1 kind   c concurrency | w sliding window | d calendar counter | m money of a period
--   2 key    without the prefix; of c the field in <prefix>:inflight
--   3 unit   r requests | t tokens | n nano-USD
--   4 most
--   5 time   of w its span in ms; of d and m the period's end in ms since 1970, 0 = never
--   6 hard   of m: 0 soft, 1 deny, 2 clamp; of c: how many may wait (see queues.lua)
--   7 posts  1, or 0 where another rule of the list counts on the same key
--   8 marks  of m: the percents at which thresholds.lua tells somebody, rising
--   9 at     in a lease, of an account's rules: when they were counted; else the lease's own time
-- All amounts are integers, exact up to 2^53. What a request holds is kept in its lease, so that
-- whoever ends it corrects each counter once.
--
-- All of it stands in one function, which runs only where there are rules: a script makes its
-- functions anew at every call, and most keys have no limits.
local function release_slot(field)
  if redis.call('HINCRBY', prefix .. ':inflight', field, -1) <= 0 then
    redis.call('HDEL', prefix .. ':inflight', field)
  end
end

local function unpack_rules(packed)
  return packed and packed ~= '' and cmsgpack.unpack(packed) or {}
end

local function load_rules()
  local BUCKETS = 12 -- of a window; with the begun one 13 count, so that no edge lets a burst by
  local COUNTER_KEPT_MS = 172800000 -- after the period's end: late settles still find their counter
  local CONCURRENCY_RETRY_MS = 1000
  local MONEY_RETRY_MS = 1000

  -- Adds to a counter of a period; a counter that begins gets its end.
  local function bump(rule, field, amount)
    if amount ~= 0 then
      local key = prefix .. ':' .. rule[2]
      if redis.call('HINCRBY', key, field, amount) == amount and rule[5] > 0 then
        redis.call('PEXPIREAT', key, rule[5] + COUNTER_KEPT_MS)
      end
    end
  end

  -- What a window counts: the sum, the buckets of it, the begun bucket, a bucket's width in ms.
  local function read_window(rule)
    local width = rule[5] / BUCKETS
    local newest = math.floor(now_ms / width)
    local flat = redis.call('HGETALL', prefix .. ':' .. rule[2])
    local used, live = 0, {}
    for position = 1, #flat, 2 do
      local bucket = tonumber(flat[position])
      if bucket >= newest - BUCKETS then
        live[bucket] = tonumber(flat[position + 1])
        used = used + live[bucket]
      end
    end
    return used, live, newest, width
  end

  -- After how many ms a window has let go of that much; -1 when it does not count so much.
  local function window_rest_ms(rule, needed)
    local _, live, newest, width = read_window(rule)
    for bucket = newest - BUCKETS, newest do
      needed = needed - (live[bucket] or 0)
      if needed <= 0 then
        return (bucket + BUCKETS + 1) * width - now_ms
      end
    end
    return -1
  end

  local function add_to_window(rule, amount)
    if amount == 0 then
      return
    end
    local key = prefix .. ':' .. rule[2]
    local width = rule[5] / BUCKETS
    local newest = math.floor(now_ms / width)
    if redis.call('HINCRBY', key, newest, amount) == amount then
      for _, bucket in ipairs(redis.call('HKEYS', key)) do
        if tonumber(bucket) < newest - BUCKETS then
          redis.call('HDEL', key, bucket)
        end
      end
      redis.call('PEXPIRE', key, rule[5] + 2 * width)
    end
  end

  -- What was counted too much leaves the bucket that it was counted in; what was counted too little
  -- counts from now on.
  local function correct_window(rule, difference, at_ms)
    if difference > 0 then
      add_to_window(rule, difference)
    elseif difference < 0 then
      local width = rule[5] / BUCKETS
      local bucket = math.floor(at_ms / width)
      local key = prefix .. ':' .. rule[2]
      if bucket >= math.floor(now_ms / width) - BUCKETS
        and redis.call('HEXISTS', key, bucket) == 1 then
        redis.call('HINCRBY', key, bucket, difference)
      end
    end
  end

  -- Checks what does not depend on the account: requests, tokens, concurrency. Returns the denial
  -- {index, remaining, retry ms, reset ms} with the longest wait (retry -1 = never) or nil; for
  -- every window of a minute index, used, reset ms; and the rules that deny, if all of them are of
  -- concurrency and have a queue. `ahead` says how many wait before the request.
  local function check_counts(rules, tokens, ahead)
    local denial, minutes, blocked, others = nil, {}, {}, false
    for index, rule in ipairs(rules) do
      local kind, unit, most = rule[1], rule[3], rule[4]
      if kind ~= 'm' and unit ~= 'n' then
        local amount = unit == 't' and tokens or 1
        local waiting = 0
        local used, retry_ms, reset_ms
        if kind == 'c' then
          used = tonumber(redis.call('HGET', prefix .. ':inflight', rule[2]) or 0)
          if rule[6] > 0 and ahead then
            waiting = ahead(rule)
          end
          reset_ms = CONCURRENCY_RETRY_MS
        elseif kind == 'd' then
          used = tonumber(redis.call('HGET', prefix .. ':' .. rule[2], unit) or 0)
          reset_ms = rule[5] - now_ms
        else
          local counted, _, newest, width = read_window(rule)
          used = counted
          reset_ms = (newest + BUCKETS + 1) * width - now_ms
          if rule[5] == 60000 then
            minutes[#minutes + 1] = index - 1
            minutes[#minutes + 1] = used
            minutes[#minutes + 1] = reset_ms
          end
        end
        if used + waiting + amount > most then
          if kind == 'c' and rule[6] > 0 then
            blocked[#blocked + 1] = rule
          else
            others = true
          end
          if amount > most then
            retry_ms = -1
          elseif kind == 'w' then
            retry_ms = window_rest_ms(rule, used + amount - most)
          else
            retry_ms = reset_ms
          end
          if not denial or (denial[3] >= 0 and (retry_ms < 0 or retry_ms > denial[3])) then
            denial = { index - 1, math.max(0, most - used), retry_ms, reset_ms }
          end
        end
      end
    end
    return denial, minutes, not others and denial and blocked or nil
  end

  -- What hard rules of money leave: arrays of index, left, left if nothing were reserved, rule.
  local function money_rooms(rules)
    local rooms = {}
    for index, rule in ipairs(rules) do
      if rule[1] == 'm' and rule[6] ~= 0 then
        local sums = redis.call('HMGET', prefix .. ':' .. rule[2], 's', 'r')
        local unspent = rule[4] - tonumber(sums[1] or 0)
        rooms[#rooms + 1] = { index - 1, unspent - tonumber(sums[2] or 0), unspent, rule }
      elseif rule[1] == 'w' and rule[3] == 'n' then
        local left = rule[4] - read_window(rule)
        rooms[#rooms + 1] = { index - 1, left, left, rule }
      end
    end
    return rooms
  end

  -- Whether a candidate's worst case fits. `charge` is {input nano, nano per token of output,
  -- output cap wanted, least cap}; cap -1 means that it has none. Rules that clamp come first.
  -- Returns the cap and the money to reserve; or nil and the room that is too small.
  local function fit(charge, rooms)
    local cap = charge[3]
    local each = charge[2]
    for _, room in ipairs(rooms) do
      if charge[1] + each * math.max(cap, 0) > room[2] then
        if room[4][6] ~= 2 or each == 0 then
          return nil, room
        end
        cap = math.floor((room[2] - charge[1]) / each)
        while charge[1] + each * cap > room[2] do
          cap = cap - 1
        end
        if cap < charge[4] then
          return nil, room
        end
      end
    end
    return cap, charge[1] + each * math.max(cap, 0)
  end

  -- Why money denies: reason, retry ms, index, remaining, reset ms. Spent money does not come back
  -- within the period; reserved money may.
  local function money_denial(charge, room)
    local rule = room[4]
    local cap = rule[6] == 2 and charge[4] or charge[3]
    local need = charge[1] + charge[2] * math.max(cap, 0)
    if rule[1] == 'w' then
      local retry_ms = need > rule[4] and -1 or window_rest_ms(rule, need - room[2])
      return { 'rate', retry_ms, room[1], math.max(0, room[2]), rule[5] }
    end
    local reset_ms = rule[5] > 0 and rule[5] - now_ms or -1
    if need > room[3] then
      return { 'exhausted', -1, room[1], math.max(0, room[3]), reset_ms }
    end
    return { 'reserved', MONEY_RETRY_MS, room[1], math.max(0, room[2]), reset_ms }
  end

  -- After how many ms money may suffice that does not now: of reserved money that may be soon, of
  -- spent money at the period's end, or never (-1).
  local function money_rest_ms(room, nano)
    local rule = room[4]
    if nano > rule[4] then
      return -1
    elseif rule[1] == 'w' then
      return window_rest_ms(rule, nano - room[2])
    elseif nano <= room[3] then
      return MONEY_RETRY_MS
    end
    return rule[5] > 0 and rule[5] - now_ms or -1
  end

  local function hold_money(rules, nano)
    for _, rule in ipairs(rules) do
      if rule[7] == 1 then
        if rule[1] == 'm' then
          bump(rule, 'r', nano)
        elseif rule[1] == 'w' and rule[3] == 'n' then
          add_to_window(rule, nano)
        end
      end
    end
  end

  -- Counts an admitted request everywhere.
  local function hold(rules, tokens, nano)
    for _, rule in ipairs(rules) do
      if rule[7] == 1 and rule[3] ~= 'n' then
        local amount = rule[3] == 't' and tokens or 1
        if rule[1] == 'c' then
          redis.call('HINCRBY', prefix .. ':inflight', rule[2], 1)
        elseif rule[1] == 'd' then
          bump(rule, rule[3], amount)
        else
          add_to_window(rule, amount)
        end
      end
    end
    hold_money(rules, nano)
  end

  -- Gives reserved money back: the request leaves an account and is charged nothing for it.
  local function release_money(rules, held)
    for _, rule in ipairs(rules) do
      if rule[7] == 1 then
        if rule[1] == 'm' then
          bump(rule, 'r', -held.nano)
        elseif rule[1] == 'w' and rule[3] == 'n' then
          correct_window(rule, -held.nano, rule[9] or held.at)
        end
      end
    end
  end

  -- Tokens and money differ from what was counted: counts the difference. `held` says when.
  local function count_difference(rules, held, tokens, nano)
    for _, rule in ipairs(rules) do
      if rule[7] == 1 then
        local difference = rule[3] == 't' and tokens or rule[3] == 'n' and nano or 0
        if rule[1] == 'm' then
          bump(rule, 's', nano)
        elseif rule[1] == 'd' then
          bump(rule, rule[3], difference)
        elseif rule[1] == 'w' then
          correct_window(rule, difference, rule[9] or held.at)
        end
      end
    end
  end

  -- A request ends: actual figures take the place of what it held.
  local function settle_rules(rules, held, tokens, nano)
    for _, rule in ipairs(rules) do
      if rule[7] == 1 then
        if rule[1] == 'c' then
          release_slot(rule[2])
        elseif rule[1] == 'm' then
          bump(rule, 'r', -held.nano)
          bump(rule, 's', nano)
        elseif rule[3] == 't' and rule[1] == 'd' then
          bump(rule, 't', tokens - held.tokens)
        elseif rule[3] == 't' then
          correct_window(rule, tokens - held.tokens, rule[9] or held.at)
        elseif rule[3] == 'n' then
          correct_window(rule, nano - held.nano, rule[9] or held.at)
        end
      end
    end
  end

  return {
    check_counts = check_counts,
    money_rooms = money_rooms,
    fit = fit,
    money_denial = money_denial,
    money_rest_ms = money_rest_ms,
    hold = hold,
    hold_money = hold_money,
    release_money = release_money,
    count_difference = count_difference,
    settle_rules = settle_rules,
    read_window = read_window,
  }
end

-- The functions above, made once a call.
local loaded
local function limits()
  loaded = loaded or load_rules()
  return loaded
end
