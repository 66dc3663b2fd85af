import type { Metrics } from '../../../core/metrics.ts'
import { type CacheEntry, cacheName, matchesPattern, prefixOf } from '../../domain/cache-name.ts'
import { cacheKey, nameInCacheKey } from '../redis-keys.ts'
import type { Signals } from '../signals.ts'
import type { LocalLevel } from './local-level.ts'
import type { RedisLevel } from './redis-level.ts'

/** How values stand in the cache, as text: so its size is known, and nobody who was given one can change it for others. */
export interface Codec<T> {
  /** Null for what must not be kept, because it may change. */
  toText(value: T): string | null
  /** Undefined when the text is not what it should be; then it counts as absent. */
  fromText(text: string): T | undefined
}

/** How long values of a kind may be kept in each level, counted from when they were true, and how large they may be there. */
export interface Keeping {
  localMs: number
  redisMs: number
  maxBytes: number
}

/**
 * A cache of two levels: what is found in neither is loaded once however many ask for it at the same time, and written to both. What is cleared leaves Redis
 * first, then all processes are told; a load that was under way meanwhile is not kept.
 */
export interface TwoLevels {
  /** What this process has, without waiting; undefined when it has nothing. */
  recall<T>(entry: CacheEntry, codec: Codec<T>): T | undefined
  read<T>(entry: CacheEntry, codec: Codec<T>, load: () => Promise<T>): Promise<T>
  /** Loads, whatever is cached, and keeps that. */
  refresh<T>(entry: CacheEntry, codec: Codec<T>, load: () => Promise<T>): Promise<T>
  find<T>(entry: CacheEntry, codec: Codec<T>): Promise<T | undefined>
  /** Keeps a value that has just become true, in the background. */
  keep<T>(entry: CacheEntry, codec: Codec<T>, value: T): void
  /** Forgets one entry in this process only: Redis may know a newer one. */
  forgetHere(entry: CacheEntry): void
  /** Forgets one entry everywhere. Never rejects: where it can't be reached it goes by its time. */
  forget(entry: CacheEntry): Promise<void>
  /**
   * Forgets everywhere what has a name that matches; `*` stands for any text. Answers with how many entries there were in Redis and this process.
   * @throws REDIS_UNAVAILABLE: only the processes have forgotten then
   */
  clear(pattern: string): Promise<number>
}

interface Found {
  value: unknown
  /** False for what may have changed by now. */
  isKept: boolean
}

export function makeTwoLevels(options: {
  local: LocalLevel
  redis: RedisLevel
  keeping: Record<CacheEntry['kind'], Keeping>
  signals: Pick<Signals, 'tellCleared' | 'onCleared'>
  metrics: Pick<Metrics, 'cacheLookups' | 'cacheLocalBytes'>
  nowMs: () => number
}): TwoLevels {
  const { local, redis, keeping, signals, metrics, nowMs } = options
  const flights = new Map<string, Promise<Found | undefined>>()
  let clearings = 0
  let isHearing = false

  /** Whoever begins to keep something hears from then on what to forget. */
  function hear(): void {
    if (isHearing) return
    isHearing = true
    void signals.onCleared(clearHere)
  }

  function clearHere(pattern: string): string[] {
    clearings++
    flights.clear() // who asks from now on must not be given what was read before
    const removed = local.removeMatching((key) => matchesPattern(pattern, nameInCacheKey(key)))
    metrics.cacheLocalBytes.set(local.size())
    return removed
  }

  function keepHere(entry: CacheEntry, text: string, leftMs: number): void {
    const { localMs, maxBytes } = keeping[entry.kind]
    if (text.length > maxBytes) return
    hear()
    local.set(cacheKey(entry), text, Math.min(localMs, leftMs))
    metrics.cacheLocalBytes.set(local.size())
  }

  function keepText(entry: CacheEntry, text: string, ageMs: number): void {
    const { localMs, redisMs, maxBytes } = keeping[entry.kind]
    keepHere(entry, text, localMs - ageMs)
    if (redisMs > 0 && Buffer.byteLength(text) <= maxBytes) redis.set(cacheKey(entry), text, redisMs - ageMs)
  }

  function recall<T>(entry: CacheEntry, codec: Codec<T>): T | undefined {
    const text = local.get(cacheKey(entry))
    const value = text === undefined ? undefined : codec.fromText(text)
    if (value !== undefined) count(entry, 'local')
    return value
  }

  async function findInRedis<T>(entry: CacheEntry, codec: Codec<T>): Promise<Found | undefined> {
    if (keeping[entry.kind].redisMs === 0) return undefined
    const before = clearings
    const there = await redis.get(cacheKey(entry))
    const value = there && codec.fromText(there.text)
    if (value === undefined) return undefined
    if (clearings === before) keepHere(entry, there?.text ?? '', there?.leftMs ?? 0)
    return { value, isKept: true }
  }

  async function load<T>(entry: CacheEntry, codec: Codec<T>, read: () => Promise<T>): Promise<Found> {
    const [before, startedMs] = [clearings, nowMs()]
    const value = await read()
    const text = codec.toText(value)
    if (text !== null && clearings === before) keepText(entry, text, nowMs() - startedMs)
    return { value, isKept: text !== null }
  }

  const count = (entry: CacheEntry, outcome: 'local' | 'redis' | 'miss'): void =>
    metrics.cacheLookups.inc({ kind: entry.kind, outcome })

  async function lookUp<T>(
    entry: CacheEntry,
    codec: Codec<T>,
    read?: () => Promise<T>,
  ): Promise<Found | undefined> {
    const found = await findInRedis(entry, codec)
    count(entry, found ? 'redis' : 'miss')
    return found ?? (read && (await load(entry, codec, read)))
  }

  /** One for all who ask meanwhile. `isOwn` tells who began it. */
  async function fly(
    key: string,
    begin: () => Promise<Found | undefined>,
  ): Promise<{ found: Found | undefined; isOwn: boolean }> {
    const flight = flights.get(key)
    if (flight) return { found: await flight, isOwn: false }
    const own = begin()
    flights.set(key, own)
    try {
      return { found: await own, isOwn: true }
    } finally {
      if (flights.get(key) === own) flights.delete(key)
    }
  }

  return {
    recall,
    async read<T>(entry: CacheEntry, codec: Codec<T>, read: () => Promise<T>) {
      const here = recall(entry, codec)
      if (here !== undefined) return here
      const { found, isOwn } = await fly(cacheKey(entry), () => lookUp(entry, codec, read))
      // What may change was perhaps read before this caller asked, who may know of a change since.
      if (!found || (!found.isKept && !isOwn)) return (await load(entry, codec, read)).value as T
      return found.value as T
    },
    async refresh<T>(entry: CacheEntry, codec: Codec<T>, read: () => Promise<T>) {
      return (await load(entry, codec, read)).value as T
    },
    async find<T>(entry: CacheEntry, codec: Codec<T>) {
      const here = recall(entry, codec)
      if (here !== undefined) return here
      const { found } = await fly(cacheKey(entry), () => lookUp(entry, codec))
      return found?.value as T | undefined
    },
    keep(entry, codec, value) {
      const text = codec.toText(value)
      if (text !== null) keepText(entry, text, 0)
    },
    forgetHere(entry) {
      local.remove(cacheKey(entry))
    },
    async forget(entry) {
      clearHere(cacheName(entry))
      await redis.remove(cacheKey(entry))
      signals.tellCleared(cacheName(entry))
    },
    async clear(pattern) {
      const removed = new Set(clearHere(pattern))
      try {
        const matches = (key: string) => matchesPattern(pattern, nameInCacheKey(key))
        for (const key of await redis.removeMatching(prefixOf(pattern), matches)) removed.add(key)
      } finally {
        clearHere(pattern) // again: what was read from Redis meanwhile
        signals.tellCleared(pattern)
      }
      return removed.size
    },
  }
}
