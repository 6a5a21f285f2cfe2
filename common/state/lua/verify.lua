-- uses: shared keys
-- verify: checks a key for a request that uses nothing (model lists); opens no lease.
--   KEYS[1]  <prefix>:epoch
--   ARGV[3]  SHA-256 of the key    ARGV[4]  caller's address
-- Returns {'current', ...} all current records, see current_records, or
-- {'refused', status}, {'unknown', failures}, {'rebuilding'} as admit does.
local refusal, key = check_key(KEYS[1], ARGV[3], ARGV[4])
if refusal then
  return refusal
end
return current_records('current', key)
