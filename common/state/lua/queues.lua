-- queues.lua: who waits for a place among a level's concurrent requests, first come, first served.
--
-- Of each scope two sorted sets: <prefix>:queue:<scope>, request id -> since when it waits, which is
-- its place; <prefix>:queue-alive:<scope>, request id -> when it is forgotten unless it asks again,
-- so that a relay that dies holds nobody up for long.
local QUEUE_ALIVE_MS = 5000 -- several times as long as a relay sleeps between two questions
local QUEUE_KEPT_MS = 60000

local function queue_keys(rule)
  return prefix .. ':queue:' .. rule[2], prefix .. ':queue-alive:' .. rule[2]
end

local function drop_waiting(rule, id)
  local queue, alive = queue_keys(rule)
  redis.call('ZREM', queue, id)
  redis.call('ZREM', alive, id)
end

-- How many wait before a request: all, for one that does not wait yet.
local function waiting_before(rule, id)
  local queue, alive = queue_keys(rule)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now_ms)) do
    drop_waiting(rule, gone)
  end
  return redis.call('ZRANK', queue, id) or redis.call('ZCARD', queue)
end

-- Lets a request wait for the rules that block it, and for no other, so that it holds nobody up
-- whom it need not. Returns its place, counted from 0, or nil where a queue is full.
local function wait_for(rules, blocked, id, since_ms)
  local place = 0
  for _, rule in ipairs(blocked) do
    local before = waiting_before(rule, id)
    local queue = queue_keys(rule)
    if not redis.call('ZSCORE', queue, id) and before >= rule[6] then
      return nil
    end
    place = math.max(place, before)
  end
  for _, rule in ipairs(rules) do
    if rule[1] == 'c' and rule[6] > 0 then
      drop_waiting(rule, id)
    end
  end
  for _, rule in ipairs(blocked) do
    local queue, alive = queue_keys(rule)
    redis.call('ZADD', queue, since_ms, id)
    redis.call('ZADD', alive, now_ms + QUEUE_ALIVE_MS, id)
    redis.call('PEXPIRE', queue, QUEUE_KEPT_MS)
    redis.call('PEXPIRE', alive, QUEUE_KEPT_MS)
  end
  return place
end

local function leave_queues(rules, id)
  for _, rule in ipairs(rules) do
    if rule[1] == 'c' and rule[6] > 0 then
      drop_waiting(rule, id)
    end
  end
end
