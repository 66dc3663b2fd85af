import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { makeBatch } from '../../core/batch.ts'
import type { Logger } from '../../core/logger.ts'
import { cancelChannel, changedChannel, submittedChannel } from './redis-keys.ts'

/**
 * Messages that make things quicker and nothing true: each receiver also looks by itself, so one that is lost while Redis is away costs a second at most.
 */
export interface Signals {
  tellSubmitted(): void
  tellChanged(ids: readonly string[]): void
  tellCancel(nodeId: string, jobId: string): void
  onSubmitted(hear: () => void): Promise<void>
  onChanged(hear: (ids: string[]) => void): Promise<void>
  onCancel(nodeId: string, hear: (jobId: string) => void): Promise<void>
}

/** Between two messages of a kind, so that a busy process does not send one for each round trip. The first one goes at once. */
const pauseMs = 2

/** `subscriber` opens a connection of its own at the first subscription. */
export function makeSignals(commands: Redis, subscriber: () => Redis, log: Logger): Signals {
  const hearers = new Map<string, ((message: string) => void)[]>()
  let listening: Redis | undefined

  async function tell(channel: string, message: string): Promise<void> {
    try {
      await commands.publish(channel, message)
    } catch (error) {
      log.debug('signal not sent', { channel, error })
    }
  }
  // What is to be told while a message is on its way goes together in the next one.
  const submitted = makeBatch<null, null>({
    async write(items) {
      await tell(submittedChannel, '')
      await delay(pauseMs)
      return items
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

  async function hear(channel: string, hearer: (message: string) => void): Promise<void> {
    if (!listening) {
      listening = subscriber()
      listening.on('message', (from: string, message: string) => {
        for (const one of hearers.get(from) ?? []) one(message)
      })
    }
    hearers.set(channel, [...(hearers.get(channel) ?? []), hearer])
    // Not awaited: while Redis is away the subscription waits in the client, and who hears it must not.
    listening
      .subscribe(channel)
      .catch((error: unknown) => log.warn('subscription failed', { channel, error }))
    return Promise.resolve()
  }

  return {
    tellSubmitted() {
      void submitted.add(null)
    },
    tellChanged(ids) {
      if (ids.length > 0) void changed.add(ids)
    },
    tellCancel(nodeId, jobId) {
      void tell(cancelChannel(nodeId), jobId)
    },
    onSubmitted: (hearer) => hear(submittedChannel, () => hearer()),
    onChanged: (hearer) => hear(changedChannel, (message) => hearer(message.split(','))),
    onCancel: (nodeId, hearer) => hear(cancelChannel(nodeId), hearer),
  }
}
