-- thresholds.lua: of which part of a budget somebody is to be told that it is spent.

-- After money was counted: each mark (rule[8], percent, rising) that the spending of a budget has
-- reached goes into <prefix>:thresholds, once for each counter and amount, which is once a period
-- and budget: the counter keeps the highest mark that was told.
local function tell_thresholds(rules)
  for _, rule in ipairs(rules) do
    local marks, most = rule[8], rule[4]
    if rule[1] == 'm' and marks and marks[1] and most > 0 then
      local key = prefix .. ':' .. rule[2]
      local field = string.format('told:%.0f', most)
      local sums = redis.call('HMGET', key, 's', field)
      local spent, told = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
      local highest = told
      for _, percent in ipairs(marks) do
        if percent > told and spent >= most * percent / 100 then
          highest = percent
        end
      end
      for _, percent in ipairs(marks) do
        if percent > told and percent <= highest then
          redis.call('XADD', prefix .. ':thresholds', 'MAXLEN', '~', 10000, '*',
            'p', cmsgpack.pack({ rule[2], most, percent, spent, rule[5], highest }))
        end
      end
      if highest > told then
        redis.call('HSET', key, field, highest)
      end
    end
  end
end
