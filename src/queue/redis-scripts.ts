/**
 * Everything that the Redis queue does atomically, in Lua. KEYS[1] is the prefix of all keys, with a hash tag, so that
 * they live in one slot; ARGV[1] is the time in milliseconds, or empty for the server's own (TIME), by which leases are
 * judged for every host alike.
 *
 *     line          sorted set of run ids; score = (10 - priority) * 10^14 + sequence, exact in a double
 *     e:<run id>    hash: user, priority, queued_at, held, requested, facts, sequence; while claimed: worker, token, until
 *     sequence, token, changes    counters
 *     mark          the run id of the Redis server that held a complete line; missing or another: rebuild
 *
 * Effects, not scripts, are replicated since Redis 5, so TIME may be asked before writing.
 */
import { redisScript } from "./redis-connection.ts";

const shared = `
local p = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function whole(n) return string.format('%.0f', n) end
local function score(priority, sequence) return whole((10 - tonumber(priority)) * 1e14 + tonumber(sequence)) end
local function key(runId) return p .. 'e:' .. runId end
local function live(k)
  local till = redis.call('HGET', k, 'until')
  return till and tonumber(till) > now
end
local function owns(k, worker, token)
  local c = redis.call('HMGET', k, 'worker', 'token')
  return c[1] == worker and c[2] == token
end
local function changed()
  redis.call('INCR', p .. 'changes')
  redis.call('PUBLISH', p .. 'wake', '1')
end
local function forget(runId)
  redis.call('ZREM', p .. 'line', runId)
  redis.call('DEL', key(runId))
end
`;

/** ARGV: time, then runId, user, priority, queuedAt, held, requested, facts for each. Returns how many were new. */
export const addScript = redisScript(`${shared}
local added = 0
for i = 2, #ARGV, 7 do
  local k = key(ARGV[i])
  if redis.call('EXISTS', k) == 0 then
    local sequence = redis.call('INCR', p .. 'sequence')
    redis.call('HSET', k, 'user', ARGV[i + 1], 'priority', ARGV[i + 2], 'queued_at', ARGV[i + 3], 'held', ARGV[i + 4],
      'requested', ARGV[i + 5], 'facts', ARGV[i + 6], 'sequence', whole(sequence))
    redis.call('ZADD', p .. 'line', score(ARGV[i + 2], sequence), ARGV[i])
    added = added + 1
  end
end
if added > 0 then changed() end
return added`);

/** ARGV: time, limit, '1' for held and claimed ones too. Returns ten strings for each entry. */
export const waitingScript = redisScript(`${shared}
local limit = tonumber(ARGV[2])
local found, from = {}, 0
while #found < limit * 10 do
  local ids = redis.call('ZRANGE', p .. 'line', from, from + 255)
  if #ids == 0 then break end
  from = from + #ids
  for _, runId in ipairs(ids) do
    local e = redis.call('HMGET', key(runId), 'sequence', 'user', 'priority', 'queued_at', 'held', 'requested',
      'worker', 'token', 'until', 'facts')
    if not e[1] then
      redis.call('ZREM', p .. 'line', runId)
      redis.call('DEL', p .. 'mark')
      from = from - 1
    else
      local taken = e[9] and tonumber(e[9]) > now
      if ARGV[3] == '1' or (e[5] ~= '1' and not taken) then
        found[#found + 1] = runId
        for i = 1, 6 do found[#found + 1] = e[i] end
        found[#found + 1] = taken and e[7] or ''
        found[#found + 1] = taken and e[8] or ''
        found[#found + 1] = e[10] or ''
        if #found >= limit * 10 then break end
      end
    end
  end
end
return found`);

/** ARGV: time, runId, worker, lease. Returns the token, or an empty string. Tokens start at the time, so that they
 * grow even where a counter was lost. */
export const claimScript = redisScript(`${shared}
local k = key(ARGV[2])
if redis.call('EXISTS', k) == 0 or redis.call('HGET', k, 'held') == '1' or live(k) then return '' end
local token = math.max(tonumber(redis.call('GET', p .. 'token') or '0') + 1, now)
redis.call('SET', p .. 'token', whole(token))
redis.call('HSET', k, 'worker', ARGV[3], 'token', whole(token), 'until', whole(now + tonumber(ARGV[4])))
return whole(token)`);

/** ARGV: time, runId, worker, token, lease. Returns 1 or 0. */
export const renewScript = redisScript(`${shared}
local k = key(ARGV[2])
if not owns(k, ARGV[3], ARGV[4]) or not live(k) then return 0 end
redis.call('HSET', k, 'until', whole(now + tonumber(ARGV[5])))
return 1`);

/** ARGV: time, runId, worker, token. Returns 1 or 0. */
export const giveBackScript = redisScript(`${shared}
local k = key(ARGV[2])
if not owns(k, ARGV[3], ARGV[4]) then return 0 end
redis.call('HDEL', k, 'worker', 'token', 'until')
changed()
return 1`);

/** ARGV: time, runId, worker, token. Returns 1 or 0. */
export const settleScript = redisScript(`${shared}
if not owns(key(ARGV[2]), ARGV[3], ARGV[4]) then return 0 end
forget(ARGV[2])
return 1`);

/** ARGV: time, then run ids. Returns those that were taken out. */
export const removeScript = redisScript(`${shared}
local done = {}
for i = 2, #ARGV do
  local k = key(ARGV[i])
  if redis.call('EXISTS', k) == 1 and not live(k) then
    forget(ARGV[i])
    done[#done + 1] = ARGV[i]
  end
end
return done`);

/** ARGV: time, priority or '', held or '', then run ids. Returns those that were changed. */
export const updateScript = redisScript(`${shared}
local done = {}
for i = 4, #ARGV do
  local k = key(ARGV[i])
  if redis.call('EXISTS', k) == 1 and not live(k) then
    redis.call('HDEL', k, 'worker', 'token', 'until')
    if ARGV[2] ~= '' then
      redis.call('HSET', k, 'priority', ARGV[2])
      redis.call('ZADD', p .. 'line', score(ARGV[2], redis.call('HGET', k, 'sequence')), ARGV[i])
    end
    if ARGV[3] ~= '' then redis.call('HSET', k, 'held', ARGV[3]) end
    done[#done + 1] = ARGV[i]
  end
end
if #done > 0 then changed() end
return done`);
