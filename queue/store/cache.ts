import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import type { Logger } from '../../core/logger.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { CacheEntry } from '../domain/cache-name.ts'
import type { Job } from '../domain/job.ts'
import { isTerminal } from '../domain/job-state.ts'
import type { User } from '../domain/user.ts'
import { makeLocalLevel } from './cache/local-level.ts'
import { makeRedisLevel } from './cache/redis-level.ts'
import { type Codec, makeTwoLevels, type TwoLevels } from './cache/two-levels.ts'
import { jobColumns } from './jobs/row.ts'
import type { Signals } from './signals.ts'

/** What is cached: only what can't change, or for so short that it does no harm (docs/caching.md). Who may see it is for the caller to ask after a hit, too. */
export interface Cache extends Pick<TwoLevels, 'clear'> {
  /** A job as the reader of a tenant (null: of all) sees it; loaded while it has not ended, or is not kept. */
  readJob(id: string, tenant: string | null, load: () => Promise<Job | null>): Promise<Job | null>
  /** As the user stood at most five seconds ago, where that is known without waiting. */
  recallUser(id: string): User | null | undefined
  /** As the user stood at most five seconds ago. */
  readUser(id: string, load: () => Promise<User | null>): Promise<User | null>
  /** As the user stands now, for whoever must not rely on the cache. */
  refreshUser(id: string, load: () => Promise<User | null>): Promise<User | null>
  /** To be called when a user has changed. Never rejects. */
  forgetUser(id: string): Promise<void>
  /** Id of a job that may have the result of jobs like this; undefined when none is known. */
  findResult(of: ResultPlace): Promise<string | undefined>
  /** Forgets in this process what findResult told, for Redis may know a newer one. */
  forgetResultHere(of: ResultPlace): void
  /** To be called when such a job has succeeded. In the background. */
  keepResult(of: ResultPlace, jobId: string): void
}

/** Where the result of equal jobs of a tenant is found. */
export interface ResultPlace {
  tenant: string
  task: string
  /** domain/equality-key.ts */
  key: Buffer
}

/** A user who was disabled is out after so long, also where a message was lost. */
const userMs = 5000

export function makeCache(
  stores: { redis: Redis; signals: Pick<Signals, 'tellCleared' | 'onCleared'> },
  options: {
    localBytes: number
    localMs: number
    redisMs: number
    entryBytes: number
    /** False when the queue's Redis serves, which never evicts: what is large or many stays out of it. */
    hasOwnRedis: boolean
    log: Logger
    metrics: Metrics
    nowMs?: () => number
  },
): Cache {
  const { localMs, redisMs, entryBytes: maxBytes, hasOwnRedis, log, metrics } = options
  const nowMs = options.nowMs ?? (() => performance.now())
  const userCodec = makeUserCodec()
  const levels = makeTwoLevels({
    local: makeLocalLevel(options.localBytes, nowMs),
    redis: makeRedisLevel(stores.redis, log, nowMs),
    keeping: {
      task: { localMs, redisMs, maxBytes },
      job: { localMs, redisMs: hasOwnRedis ? redisMs : 0, maxBytes },
      user: { localMs: userMs, redisMs: userMs, maxBytes },
    },
    signals: stores.signals,
    metrics,
    nowMs,
  })

  const userEntry = (id: string): CacheEntry => ({ kind: 'user', of: id, tenant: '', detail: '' })

  const resultEntry = ({ tenant, task, key }: ResultPlace): CacheEntry => ({
    ...{ kind: 'task', of: task, tenant },
    detail: key.toString('hex'),
  })

  return {
    readJob: (id, tenant, load) =>
      levels.read({ kind: 'job', of: id, tenant: tenant ?? '', detail: jobShape }, jobCodec(id), load),
    recallUser: (id) => levels.recall(userEntry(id), userCodec(id)),
    readUser: (id, load) => levels.read(userEntry(id), userCodec(id), load),
    refreshUser: (id, load) => levels.refresh(userEntry(id), userCodec(id), load),
    forgetUser: (id) => levels.forget(userEntry(id)),
    findResult: (place) => levels.find(resultEntry(place), idCodec),
    forgetResultHere: (place) => levels.forgetHere(resultEntry(place)),
    keepResult: (place, jobId) => levels.keep(resultEntry(place), idCodec, jobId),
    clear: (pattern) => levels.clear(pattern),
  }
}

/** Another version of Noodle, whose jobs have other columns, takes no notice of our entries, nor we of its. */
const jobShape = createHash('sha256').update(jobColumns).digest('hex').slice(0, 8)

const jobTimes = [
  'runAt',
  'expiresAt',
  'cancelRequestedAt',
  'createdAt',
  'dueAt',
  'startedAt',
  'finishedAt',
] as const

/** Ended jobs only. One that nobody finds may be there a moment later. */
const jobCodec = (id: string): Codec<Job | null> => ({
  toText: (job) => (job && isTerminal(job.state) ? JSON.stringify(job) : null),
  fromText: (text) => withTimes<Job>(text, jobTimes, (job) => job.id === id && isTerminal(job.state)),
})

const idShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const idCodec: Codec<string> = {
  toText: (id) => id,
  fromText: (text) => (idShape.test(text) ? text : undefined),
}

/** Users whose texts are remembered with what they say. */
const mostUsers = 1000

/** A user who is gone does not come back, so that is kept too. Every call asks for its user, so a text is read once; what it says is for all, and frozen. */
function makeUserCodec(): (id: string) => Codec<User | null> {
  const read = new LRUCache<string, User>({ max: mostUsers })
  const readAnew = (text: string): User | undefined => {
    const user = withTimes<User>(text, ['disabledAt', 'createdAt'], () => true)
    if (user) read.set(text, Object.freeze(user))
    return user
  }
  return (id) => ({
    toText: (user) => JSON.stringify(user),
    fromText(text) {
      if (text === 'null') return null
      const user = read.get(text) ?? readAnew(text)
      return user?.id === id ? user : undefined
    },
  })
}

/** Undefined for what is no JSON, or not as it should be: the cache Redis is not the record, and is not believed blindly. */
function withTimes<T extends object>(
  text: string,
  times: readonly (keyof T & string)[],
  isRight: (value: T) => boolean,
): T | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null
    if (typeof value !== 'object' || value === null || !isRight(value as T)) return undefined
    for (const name of times) if (typeof value[name] === 'string') value[name] = new Date(value[name])
    return value as T
  } catch {
    return undefined
  }
}
