import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { makeBatch } from '../../core/batch.ts'
import type { Logger } from '../../core/logger.ts'
import type { PostgresNotices } from './postgres-notices.ts'
import { cancelChannel, changedChannel, clearedChannel, submittedChannel } from './redis-keys.ts'

/**
 * Messages that make things quicker and nothing true: each receiver also looks by itself, so one that is lost costs a second at most. They go through Redis,
 * and through Postgres while Redis is away.
 */
export interface Signals {
  /** Jobs wait for a dispatcher: in this tier, or in whichever. */
  tellSubmitted(tier?: string): void
  tellChanged(ids: readonly string[]): void
  tellCancel(nodeId: string, jobId: string): void
  /** What it shall do has changed: it renews its lease now. */
  tellNode(nodeId: string): void
  /** Names that match the pattern left the cache. What was not heard of is kept until its time is up. */
  tellCleared(pattern: string): void
  /** Hears tiers; none stands for whichever. */
  onSubmitted(hear: (tiers: readonly string[]) => void): Promise<void>
  /** Only while Redis is away, until what it resolves with is called: many listen, and each submission would be told to all of them. */
  onSubmittedWithoutRedis(hear: () => void): Promise<() => void>
  onChanged(hear: (ids: string[]) => void): Promise<void>
  /** Hears what is told to a node; of no job in particular it is ''. Resolves with what ends the hearing. */
  onCancel(nodeId: string, hear: (jobId: string) => void): Promise<() => void>
  onCleared(hear: (pattern: string) => void): Promise<void>
  close(): Promise<void>
}

/** Between two messages of a kind, so that a busy process does not send one for each round trip. The first one goes at once. */
const pauseMs = 2

type Hearers = Map<string, ((message: string) => void)[]>

/** `subscriber` opens a connection of its own at the first subscription. */
export function makeSignals(
  commands: Redis,
  subscriber: () => Redis,
  notices: PostgresNotices,
  log: Logger,
): Signals {
  const hearers: Hearers = new Map()
  const withoutRedis: Hearers = new Map()
  let listening: Redis | undefined
  let standIn: ReturnType<PostgresNotices['listen']> | undefined
  let standingDown: Promise<void> | undefined

  async function tell(channel: string, message: string): Promise<void> {
    try {
      await commands.publish(channel, message)
    } catch (error) {
      log.debug('signal not sent through Redis', { channel, error })
      await notices.tell(channel, message)
    }
  }
  // What is to be told while a message is on its way goes together in the next one.
  const submitted = makeBatch<string | undefined, unknown>({
    async write(tiers) {
      await tell(submittedChannel, tiers.includes(undefined) ? '' : [...new Set(tiers)].join(','))
      await delay(pauseMs)
      return tiers
    },
    maxItems: Infinity,
    maxWaiting: Infinity,
  })
  const changed = makeBatch<readonly string[], unknown>({
    async write(lists) {
      await tell(changedChannel, lists.flat().join(','))
      await delay(pauseMs)
      return lists
    },
    maxItems: 1000,
    maxWaiting: Infinity,
  })

  function listen(): Redis {
    if (listening) return listening
    listening = subscriber()
    listening.on('message', (from: string, message: string) => {
      for (const one of hearers.get(from) ?? []) one(message)
    })
    listening.on('close', () => {
      standIn ??= notices.listen((subject, message) => {
        const subjects = subject === undefined ? [submittedChannel] : [subject]
        for (const one of subjects.flatMap((name) => [
          ...(hearers.get(name) ?? []),
          ...(withoutRedis.get(name) ?? []),
        ]))
          one(message)
      })
    })
    listening.on('ready', () => {
      standingDown = standIn?.close()
      standIn = undefined
    })
    return listening
  }

  async function hear(channel: string, hearer: (message: string) => void): Promise<void> {
    const redis = listen()
    add(hearers, channel, hearer)
    // Not awaited: while Redis is away the subscription waits in the client, and who hears it must not.
    redis.subscribe(channel).catch((error: unknown) => log.warn('subscription failed', { channel, error }))
    return Promise.resolve()
  }

  return {
    tellSubmitted(tier) {
      void submitted.add(tier)
    },
    tellChanged(ids) {
      if (ids.length > 0) void changed.add(ids)
    },
    tellCancel(nodeId, jobId) {
      void tell(cancelChannel(nodeId), jobId)
    },
    tellNode(nodeId) {
      void tell(cancelChannel(nodeId), '')
    },
    tellCleared(pattern) {
      void tell(clearedChannel, pattern)
    },
    onSubmitted: (hearer) =>
      hear(submittedChannel, (message) => hearer(message === '' ? [] : message.split(','))),
    onSubmittedWithoutRedis(hearer) {
      listen()
      const one = (): void => hearer()
      add(withoutRedis, submittedChannel, one)
      return Promise.resolve(() => void remove(withoutRedis, submittedChannel, one))
    },
    onChanged: (hearer) => hear(changedChannel, (message) => hearer(message.split(','))),
    async onCancel(nodeId, hearer) {
      const channel = cancelChannel(nodeId)
      await hear(channel, hearer)
      return () => {
        if (remove(hearers, channel, hearer) === 0) listening?.unsubscribe(channel).catch(() => undefined)
      }
    },
    onCleared: (hearer) => hear(clearedChannel, hearer),
    async close() {
      listening?.removeAllListeners('close')
      await standIn?.close()
      await standingDown
    },
  }
}

function add(hearers: Hearers, channel: string, hearer: (message: string) => void): void {
  hearers.set(channel, [...(hearers.get(channel) ?? []), hearer])
}

/** @returns how many are left */
function remove(hearers: Hearers, channel: string, hearer: (message: string) => void): number {
  const left = (hearers.get(channel) ?? []).filter((one) => one !== hearer)
  if (left.length > 0) hearers.set(channel, left)
  else hearers.delete(channel)
  return left.length
}
