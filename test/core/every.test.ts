import { expect, test } from '@jest/globals'
import { every } from '../../core/every.ts'
import { silentLogger, type Logger } from '../../core/logger.ts'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'

function started(everyMs: number, tick: () => Promise<number | void>, log: Logger = silentLogger) {
  const loop = every(everyMs, tick, { name: 'test', log })
  cleanUp(() => loop.stop())
  void loop.start()
  return loop
}

test('a tick never overlaps itself, however often it is nudged', async () => {
  let running = 0
  let most = 0
  let ticks = 0
  const loop = started(60_000, async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    ticks++
  })
  const nudging = setImmediate(function again() {
    loop.nudge()
    if (ticks < 20) setImmediate(again)
  })
  cleanUp(() => clearImmediate(nudging))
  await waitFor(() => ticks >= 20)
  expect(most).toBe(1)
})

test('a nudge during a tick makes one more tick at once', async () => {
  let ticks = 0
  let release = (): void => undefined
  const loop = started(60_000, async () => {
    if (++ticks === 1) await new Promise<void>((resolve) => (release = resolve))
  })
  await waitFor(() => ticks === 1)
  loop.nudge()
  loop.nudge()
  release()
  await waitFor(() => ticks === 2)
})

test('a tick may ask to run again sooner', async () => {
  let ticks = 0
  started(60_000, () => Promise.resolve(++ticks < 5 ? 0 : 60_000))
  await waitFor(() => ticks === 5)
})

test('a tick that fails is tried again, and told once until it works', async () => {
  let ticks = 0
  const lines: string[] = []
  const log: Logger = { ...silentLogger, warn: (line) => lines.push(line), info: (line) => lines.push(line) }
  started(1, () => (++ticks < 4 ? Promise.reject(new Error('away')) : Promise.resolve()), log)
  await waitFor(() => ticks >= 5)
  expect(lines).toEqual(['background duty failed, it will be tried again', 'background duty works again'])
})

test('after stop() no tick runs, and stop() waits for the one that does', async () => {
  let ticks = 0
  let hasEnded = false
  const loop = started(1, async () => {
    ticks++
    hasEnded = false
    await new Promise((resolve) => setTimeout(resolve, 20))
    hasEnded = true
  })
  await waitFor(() => ticks === 1)
  await loop.stop()
  expect(hasEnded).toBe(true)
  const ticksAtStop = ticks
  loop.nudge()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(ticks).toBe(ticksAtStop)
})
