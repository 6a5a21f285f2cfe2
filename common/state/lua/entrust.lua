-- uses: shared rules leases
-- entrust: a request goes on at its provider as a job. What it reserved stays so until the job's
-- deadline, whatever becomes of its relay; its account and limits of concurrency have room again.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  request id            ARGV[4]  job, JSON
--   ARGV[5]  the deadline in ms since 1970
--   ARGV[6]  ms until the job is looked at first
--   ARGV[7]  draft to post at the deadline, its ARGV[8] tokens and ARGV[9] nano-USD
-- Returns 'entrusted'; 'late' when the lease was over already: what differs from what it was
-- charged will be posted; or 'gone' when there is nothing that a settle could correct.
-- Invariant: a repeated call changes nothing; a job's request is charged once, by settle or expire.
local id = ARGV[3]
local lease = prefix .. ':lease:' .. id
local fields = redis.call('HMGET', lease, 'account', 'rules', 'job')
local answer = 'entrusted'
if not fields[1] then
  if redis.call('EXISTS', prefix .. ':expired:' .. id) == 0 then
    return 'gone'
  end
  answer = 'late'
elseif not fields[3] then
  release_account(fields[1])
  redis.call('HSET', lease, 'account', '', 'job', 1, 'draft', ARGV[7])
  if fields[2] then
    local kept = {}
    for _, rule in ipairs(unpack_rules(fields[2])) do
      if rule[1] ~= 'c' then
        kept[#kept + 1] = rule
      elseif rule[7] == 1 then
        release_slot(rule[2])
      end
    end
    redis.call('HSET', lease, 'rules', cmsgpack.pack(kept), 'draft_tokens', ARGV[8],
      'draft_nano', ARGV[9])
  end
  redis.call('ZADD', prefix .. ':leases', ARGV[5], id)
end
redis.call('HSET', prefix .. ':jobs', id, ARGV[4])
redis.call('ZADD', prefix .. ':jobs-due', 'NX', now_ms + tonumber(ARGV[6]), id)
return answer
