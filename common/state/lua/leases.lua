-- leases.lua: open requests: the accounts they are on, what they hold.

-- An account's count of open requests goes down; a count of none is no field.
local function release_account(account)
  if account and account ~= '' then
    release_slot('account:' .. account)
  end
end

-- What a lease holds: its rules; when it was admitted, tokens and money counted for it.
local function held_by(rules, at_ms, tokens, nano)
  return unpack_rules(rules), {
    at = tonumber(at_ms or 0), tokens = tonumber(tokens or 0), nano = tonumber(nano or 0),
  }
end
