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

/**
 * KEYS are counts, ARGV what is added to each and how long its window is, in ms; answers with a count and the ms left of its window for each. The window begins
 * with its first count: NX leaves a running one alone (Redis 7.0). Not a pipeline: ioredis copies each script that it knows, and BullMQ has fifty, to each of them.
 */
const incrementAll = `
  local counts = {}
  for i, key in ipairs(KEYS) do
    local total = redis.call('INCRBY', key, ARGV[2 * i - 1])
    redis.call('PEXPIRE', key, ARGV[2 * i], 'NX')
    counts[i] = { total, redis.call('PTTL', key) }
  end
  return counts`

/** Between two rounds: a count that other gateways learn this much later lets no more through than one that is on its way. */
const pauseMs = 20

/** Names in a round, for which Redis serves nobody else. */
const mostPerRound = 1000

/** Most names kept in a process; past it those whose window ended go first. */
const maxEntries = 100_000

export function makeRateCounts(
  redis: Redis,
  log: Logger,
  nowMs: () => number = () => performance.now(),
): RateCounts {
  const entries = new Map<string, Entry>()
  const dirty = new Map<string, Entry>()
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
      const round = [...dirty]
        .slice(0, mostPerRound)
        .map(([name, entry]) => ({ name, entry, amount: entry.unsent }))
      for (const { name } of round) dirty.delete(name)
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

  async function increment(
    counts: readonly { name: string; amount: number; windowMs: number }[],
  ): Promise<Count[]> {
    const replies = (await redis.eval(
      incrementAll,
      counts.length,
      ...counts.map(({ name }) => rateKey(name)),
      ...counts.flatMap(({ amount, windowMs }) => [amount, windowMs]),
    )) as [total: number, resetMs: number][]
    return replies.map(([total, resetMs]) => ({ total, resetMs: Math.max(0, resetMs) }))
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
