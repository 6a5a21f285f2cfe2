-- uses: shared
-- renew: the heartbeat of one relay process for all its open requests.
--   KEYS[1]  <prefix>:epoch (routes the call to the tag's slot)
--   ARGV[3]  lease in ms, then from ARGV[4] fours: request id, draft with the output so far, its
--            tokens, its nano-USD
-- Returns the ids that have no lease any more.
-- Invariant: a lease that is over is never brought back, none ends earlier than it would have.
local lost = {}
for position = 4, #ARGV, 4 do
  local id = ARGV[position]
  local lease = prefix .. ':lease:' .. id
  if redis.call('EXISTS', lease) == 1 then
    redis.call('HSET', lease, 'draft', ARGV[position + 1], 'draft_tokens', ARGV[position + 2],
      'draft_nano', ARGV[position + 3])
    redis.call('ZADD', prefix .. ':leases', 'GT', now_ms + tonumber(ARGV[3]), id)
  else
    lost[#lost + 1] = id
  end
end
return lost
