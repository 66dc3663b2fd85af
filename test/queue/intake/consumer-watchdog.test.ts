import { expect, test } from '@jest/globals'
import type { DeliveryEnd } from '../../../queue/domain/delivery.ts'
import { noResources } from '../../../queue/domain/job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { makeConsumerWatchdog } from '../../../queue/intake/consumer-watchdog.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openRedisProxy } from '../../support/redis-proxy.ts'
import { dispatchJobs, openTestQueue, stateOf, submit } from '../../support/test-queue.ts'
import { testRedis } from '../../support/test-redis.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startInnerWorker } from '../../workers/an-inner-worker.ts'
import { dispatchUntil } from '../../workers/real-worker.ts'

/** Looks often, and calls a consumer deaf before BullMQ helps itself. */
const quick = { everyMs: 20, deafMs: 200 }

type Consume = QueueDeps['deliveries']['consume']

/** Consumers of which the first `deaf` are open and take nothing but what `give` brings them. They close when `letClose` is called. */
function halfDeaf(deps: QueueDeps, deaf: number) {
  let opened = 0
  let closed = 0
  let give: Parameters<Consume>[2] = () => Promise.resolve('done')
  let letClose = (): void => undefined
  const closing = new Promise<void>((resolve) => (letClose = resolve))
  const consume: Consume = (...args) => {
    if (++opened > deaf) return deps.deliveries.consume(...args)
    give = args[2]
    return {
      setConcurrency() {},
      close: () => closing.finally(() => closed++),
      isRunning: () => true,
    }
  }
  return {
    deps: { ...deps, deliveries: { ...deps.deliveries, consume } },
    opened: () => opened,
    closed: () => closed,
    give: () =>
      give({ tier: 'small', task: 'echo', jobs: [], need: noResources, isAlone: false, timesTaken: 1 }),
    letClose,
  }
}

async function startWatchdog(deps: QueueDeps, hasFreeSlot = () => true) {
  const watchdog = makeConsumerWatchdog(deps, { hasFreeSlot, ...quick })
  cleanUp(() => watchdog.stop())
  await watchdog.start()
  return {
    ...watchdog,
    deps: { ...deps, deliveries: { ...deps.deliveries, consume: watchdog.consume } },
  }
}

const rebuilds = async (deps: QueueDeps): Promise<number> =>
  (await deps.metrics.consumerRebuilds.get()).values.reduce((sum, { value }) => sum + value, 0)

/** A consumer that keeps what it takes until it is told to go on. */
function consumeAndHold(consume: Consume, concurrency: number) {
  let taken = 0
  let goOn = (): void => undefined
  const held = new Promise<DeliveryEnd>((resolve) => (goOn = () => resolve('done')))
  const consumer = consume('small', concurrency, () => {
    taken++
    return held
  })
  cleanUp(() => {
    goOn()
    return consumer.close()
  })
  return { taken: () => taken, goOn, consumer }
}

test('a consumer that takes nothing though a delivery waits is closed, and a new one takes it', async () => {
  const { deps } = await openTestQueue()
  const half = halfDeaf(deps, 2)
  half.letClose()
  const watchdog = await startWatchdog(half.deps)
  await startInnerWorker(watchdog.deps)
  const id = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, id)) === 'succeeded')
  expect(half.closed()).toBe(2)
  expect(await rebuilds(deps)).toBeGreaterThanOrEqual(2)
})

test('a consumer whose connection died without a word is replaced', async () => {
  const redisUrl = await testRedis()
  const proxy = await openRedisProxy(redisUrl)
  const { deps } = await openTestQueue()
  const cut = await openTestQueue({}, { redisUrl: proxy.url })
  const watchdog = await startWatchdog({
    ...deps,
    deliveries: { ...deps.deliveries, consume: cut.deps.deliveries.consume },
  })
  await startInnerWorker(watchdog.deps)
  const first = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, first)) === 'succeeded')
  proxy.goDeaf()
  const second = await submit(deps)
  await dispatchUntil(deps, async () => (await stateOf(deps, second)) === 'succeeded')
  expect(await rebuilds(deps)).toBeGreaterThanOrEqual(1)
})

test('a consumer is left alone while nothing waits, while no slot is free, and while it is full', async () => {
  const { deps } = await openTestQueue()
  let looks = 0
  let slots = 1
  const half = halfDeaf(deps, 1)
  half.letClose()
  const watchdog = await startWatchdog(half.deps, () => {
    looks++
    return slots > 0
  })
  const holder = consumeAndHold(watchdog.consume, 2)
  const expectLeftAlone = async () => {
    const before = looks
    await waitFor(() => looks > before + 30) // three times as long as it takes to be called deaf
    expect(half.opened()).toBe(1)
  }
  await expectLeftAlone()

  slots = 0
  await submit(deps)
  await dispatchJobs(deps)
  await expectLeftAlone()

  void half.give()
  holder.consumer.setConcurrency(1)
  slots = 1
  await expectLeftAlone()

  holder.goOn()
  await waitFor(() => holder.taken() === 2)
  expect(half.opened()).toBeGreaterThanOrEqual(2)
})

test('what a deaf consumer has in hand goes on beside the new one, and who closes waits for both', async () => {
  const { deps } = await openTestQueue()
  const half = halfDeaf(deps, 1)
  const watchdog = await startWatchdog(half.deps)
  const holder = consumeAndHold(watchdog.consume, 2)
  await submit(deps)
  await dispatchJobs(deps)
  const old = half.give()
  await waitFor(() => holder.taken() === 2)
  holder.goOn()
  expect(await old).toBe('done')

  const order: string[] = []
  const closed = holder.consumer.close().then(() => order.push('closed'))
  await waitFor(async () => (await deps.deliveries.queueOf('small').getWorkersCount()) === 0)
  order.push('the new one is closed')
  half.letClose()
  await closed
  expect(order).toEqual(['the new one is closed', 'closed'])
})
