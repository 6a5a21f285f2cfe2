-- uses: shared rules queues
-- leave_queues: a request does not wait any longer: its caller left, or its relay stops.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  its rules (see rules.lua)
-- Returns nothing that matters.
-- Invariant: it may run at any time and twice; only the request's own places are given up.
leave_queues(unpack_rules(ARGV[4]), ARGV[3])
return 1
