-- uses: shared rules thresholds leases expiry
-- expire: turns leases that nobody renewed into interrupted records in the outbox.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  at most so many
-- Returns how many there were.
-- Invariant: each lease gives one record, its draft, frees its account, and leaves on every
-- counter what the draft says.
return expire_leases(tonumber(ARGV[3]))
