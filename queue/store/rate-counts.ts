import { setTimeout as delay } from 'node:timers/promises'
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import type { Logger } from '../../core/logger.ts'
import { rateKey } from './redis-keys.ts'

export interface Count {
  /** Of the present window, this one included. */
  total: number
  /** When the window ends, in ms from now. */
  resetMs: number
}

/** Counts per fixed window, shared by all gateways through Redis. While Redis is away each gateway counts by itself: limits hold, per gateway. */
export interface RateCounts {
  /** Adds and answers at once from what is known; Redis is told in the background, many counts in one round trip. Other gateways' counts arrive with its answer. */
  add(name: string, amount: number, windowMs: number): Count
  /** Adds one and waits for Redis' own count: exact over all gateways, for what is rare and must be strict, such as logins. */
  addStrictly(name: string, windowMs: number): Promise<Count>
  /** Takes back what `add` counted, for a request that was refused after all. */
  giveBack(name: string, amount: number): void
}

interface Entry {
  /** Redis' count at its last answer, or our own while it is away. */
  known: number
  unsent: number
  windowMs: number
  resetAtMs: number
}

/** Between two rounds: a count that other gateways learn this much later lets no more through than one that is on its way. */
const pauseMs = 20

/** Most names kept in a process; past it those whose window ended go first. */
const maxEntries = 100_000

export function makeRateCounts(
  redis: Redis,
  log: Logger,
  nowMs: () => number = () => performance.now(),
): RateCounts {
  const entries = new Map<string, Entry>()
  let dirty = new Map<string, Entry>()
  let isSending = false

  function entryOf(name: string, windowMs: number): Entry {
    const found = entries.get(name)
    if (found && found.resetAtMs > nowMs()) return found
    if (entries.size >= maxEntries) forgetEnded()
    const entry = { known: 0, unsent: 0, windowMs, resetAtMs: nowMs() + windowMs }
    entries.set(name, entry)
    return entry
  }

  function forgetEnded(): void {
    const now = nowMs()
    for (const [name, entry] of entries) if (entry.resetAtMs <= now) entries.delete(name)
    // Still full: somebody makes names up. Forgetting all is the lesser evil than growing.
    if (entries.size >= maxEntries) entries.clear()
  }

  const countOf = (entry: Entry): Count => ({
    total: entry.known + entry.unsent,
    resetMs: Math.max(0, entry.resetAtMs - nowMs()),
  })

  async function send(): Promise<void> {
    isSending = true
    while (dirty.size > 0) {
      const round = [...dirty].map(([name, entry]) => ({ name, entry, amount: entry.unsent }))
      dirty = new Map()
      try {
        const answers = await increment(
          round.map(({ name, entry, amount }) => ({ name, amount, windowMs: entry.windowMs })),
        )
        round.forEach(({ entry, amount }, i) => {
          const answer = answers[i]
          entry.unsent -= amount
          if (answer) {
            entry.known = answer.total
            entry.resetAtMs = nowMs() + answer.resetMs
          } else entry.known += amount
        })
      } catch (error) {
        log.debug('rate counts not shared', { error })
        for (const { entry, amount } of round) {
          entry.unsent -= amount
          entry.known += amount
        }
      }
      await delay(pauseMs, undefined, { ref: false })
    }
    isSending = false
  }

  /** The window begins with its first count: NX leaves a running one alone (Redis 7.0). */
  async function increment(
    counts: readonly { name: string; amount: number; windowMs: number }[],
  ): Promise<(Count | undefined)[]> {
    const pipeline = redis.pipeline()
    for (const { name, amount, windowMs } of counts) {
      const key = rateKey(name)
      pipeline.incrby(key, amount).pexpire(key, windowMs, 'NX').pttl(key)
    }
    const replies = (await pipeline.exec()) ?? []
    return counts.map((_, i) => {
      const [countError, total] = replies[i * 3] ?? []
      const [ttlError, resetMs] = replies[i * 3 + 2] ?? []
      return countError || ttlError || typeof total !== 'number' || typeof resetMs !== 'number'
        ? undefined
        : { total, resetMs: Math.max(0, resetMs) }
    })
  }

  return {
    add(name, amount, windowMs) {
      const entry = entryOf(name, windowMs)
      entry.unsent += amount
      dirty.set(name, entry)
      if (!isSending) void send()
      return countOf(entry)
    },
    async addStrictly(name, windowMs) {
      const answer = await increment([{ name, amount: 1, windowMs }]).catch(() => [])
      if (answer[0]) return answer[0]
      const entry = entryOf(name, windowMs)
      entry.known += 1
      return countOf(entry)
    },
    giveBack(name, amount) {
      const entry = entries.get(name)
      if (!entry) return
      entry.unsent -= amount
      dirty.set(name, entry)
      if (!isSending) void send()
    },
  }
}
