import type { Redis } from 'ioredis'
import type { Logger } from '../../core/logger.ts'
import { endOf, type LogChunk, type LogPosition, positionText } from '../domain/log-line.ts'
import { logChannel, logKey, openLogsKey } from './redis-keys.ts'

/** A chunk of a job's log, and of which job. */
export interface JobLogChunk {
  jobId: string
  chunk: LogChunk
}

/**
 * The newest lines of running jobs: what is not kept in Postgres yet, and a channel for those who follow. It makes followers see lines sooner, and the
 * last second of a log outlive its worker; while Redis is away they read Postgres.
 */
export interface LiveLogs {
  /** One round trip. Answers for each with false when it is not there; then it may be sent again, longer. */
  append(chunks: readonly JobLogChunk[]): Promise<boolean[]>
  /** Takes away chunks that Postgres has by now. */
  forget(jobs: readonly { jobId: string; ends: readonly LogPosition[] }[]): Promise<void>
  /** Chunks that hold lines after a position, in order. Nothing while Redis is away. */
  read(jobId: string, after: LogPosition): Promise<LogChunk[]>
  /** Hears each chunk that is appended from when the promise resolves, which it does not while Redis is away. */
  hear(jobId: string, hearer: (chunk: LogChunk) => void): { heard: Promise<void>; stop: () => void }
  /** Ids of jobs that may have chunks here, a page at a time; `cursor` 0 begins and ends. */
  listOpen(cursor: string): Promise<{ jobIds: string[]; cursor: string }>
}

/** The longest that a chunk which nobody took away is kept. */
const ttlSeconds = 86_400

/*
 * KEYS: the log's stream. ARGV: id of the entry, the chunk, its channel, TTL in s. Returns 1 when the entry is there, 0 when a later one is: sent twice, or
 * by a worker whose job another one has taken over. Atomic, so that followers hear of nothing that could not be read.
 */
const appendScript = `
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'c', ARGV[2])
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller') then return 0 end
  return added
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return 1`

/*
 * KEYS: the log's stream. ARGV: ids of entries. Returns 1 when no entry is left, then the stream is gone too. Atomic, so that none that is added
 * meanwhile goes with it.
 */
const forgetScript = `
for i = 1, #ARGV, 1000 do redis.call('XDEL', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
if redis.call('XLEN', KEYS[1]) > 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1`

/** Entries that a reading brings at most; each holds lines of 50 ms or so. */
const pageEntries = 64

/** `subscriber` opens a connection of its own for the first who follows. */
export function makeLiveLogs(commands: Redis, subscriber: () => Redis, log: Logger): LiveLogs {
  const hearers = new Map<string, Set<(chunk: LogChunk) => void>>()
  let listening: Redis | undefined

  function listen(): Redis {
    if (listening) return listening
    listening = subscriber()
    listening.on('message', (channel: string, message: string) => {
      const chunk = JSON.parse(message) as LogChunk
      for (const hearer of hearers.get(channel) ?? []) hearer(chunk)
    })
    return listening
  }

  return {
    async append(chunks) {
      const pipeline = commands.pipeline()
      for (const { jobId, chunk } of chunks) {
        const id = positionText(endOf(chunk))
        pipeline.sadd(openLogsKey, jobId)
        pipeline.eval(
          appendScript,
          1,
          logKey(jobId),
          id,
          JSON.stringify(chunk),
          logChannel(jobId),
          ttlSeconds,
        )
      }
      const answers = (await pipeline.exec().catch(() => null)) ?? []
      return chunks.map((_, i) => answers[2 * i + 1]?.[0] === null)
    },
    async forget(jobs) {
      const pipeline = commands.pipeline()
      for (const { jobId, ends } of jobs)
        pipeline.eval(forgetScript, 1, logKey(jobId), ...ends.map(positionText))
      const answers = (await pipeline.exec().catch(() => null)) ?? []
      const empty = jobs.filter((_, i) => answers[i]?.[1] === 1).map(({ jobId }) => jobId)
      // The next append tells of a log anew, so that one which begins in this moment is missing for no longer.
      if (empty.length > 0) await commands.srem(openLogsKey, ...empty).catch(() => 0)
    },
    async read(jobId, after) {
      try {
        const entries = await commands.xrange(
          logKey(jobId),
          `(${positionText(after)}`,
          '+',
          'COUNT',
          pageEntries,
        )
        return entries.map(([, [, body = '']]) => JSON.parse(body) as LogChunk)
      } catch (error) {
        log.debug('live log not read', { jobId, error })
        return []
      }
    },
    hear(jobId, hearer) {
      const redis = listen()
      const channel = logChannel(jobId)
      const all = hearers.get(channel) ?? new Set()
      hearers.set(channel, all.add(hearer))
      const heard = redis.subscribe(channel).then(
        () => undefined,
        (error: unknown) => log.debug('log not followed live', { jobId, error }),
      )
      return {
        heard,
        stop() {
          all.delete(hearer)
          if (all.size > 0 || hearers.get(channel) !== all) return
          hearers.delete(channel)
          redis.unsubscribe(channel).catch(() => undefined)
        },
      }
    },
    async listOpen(cursor) {
      const [next, jobIds] = await commands.sscan(openLogsKey, cursor, 'COUNT', 500)
      return { jobIds, cursor: next }
    },
  }
}
