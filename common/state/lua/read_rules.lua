-- uses: shared rules
-- read_rules: what rules count at the moment; changes nothing.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  rules (see rules.lua)
-- Returns for each rule: used (of money: spent), reserved.
local reply = {}
for _, rule in ipairs(unpack_rules(ARGV[3])) do
  local used, reserved = 0, 0
  if rule[1] == 'c' then
    used = redis.call('HGET', prefix .. ':inflight', rule[2]) or 0
  elseif rule[1] == 'd' then
    used = redis.call('HGET', prefix .. ':' .. rule[2], rule[3]) or 0
  elseif rule[1] == 'm' then
    local sums = redis.call('HMGET', prefix .. ':' .. rule[2], 's', 'r')
    used, reserved = sums[1] or 0, sums[2] or 0
  else
    used = limits().read_window(rule)
  end
  reply[#reply + 1] = tonumber(used)
  reply[#reply + 1] = tonumber(reserved)
end
return reply
