import { expect, test } from '@jest/globals'
import { decide } from '../../../../queue/domain/scaling/decide.ts'
import { learn, makeHistory, noteDecision } from '../../../../queue/domain/scaling/history.ts'
import { defaultPolicy } from '../../../../queue/domain/scaling/policy.ts'
import { restoreHistory, storeHistory } from '../../../../queue/domain/scaling/stored-history.ts'
import { someSignals } from './some-signals.ts'

const policy = { ...defaultPolicy, min: 1, targetWaitMs: 10_000 }
const day = 86_400_000

/** A tier in which, from `fromMs` on, `perTick(n)` jobs of 20 s arrive in the n-th tick, and none waits. */
function teach(
  history: ReturnType<typeof makeHistory>,
  ticks: number,
  perTick: (n: number) => number,
  { fromMs = Date.UTC(2026, 10, 23), tickMs = 5000 } = {},
): void {
  for (let n = 0; n < ticks; n++) {
    const jobs = perTick(n)
    const signals = someSignals({
      nowMs: fromMs + n * tickMs,
      tasks: [{ running: Math.round((jobs * 20_000) / tickMs), serviceSeconds: 20 }],
      demand: { arrivals: { jobs, slots: jobs, slotSeconds: jobs * 20 }, starts: { jobs, late: 0 } },
      fleet: { ready: 5 },
    })
    learn(history, signals, policy)
    noteDecision(history, signals, 5)
  }
}

test('what was learnt survives a change of the leader: decisions go on as they would have', () => {
  const history = makeHistory(policy)
  teach(history, 1000, (n) => (n % 100 < 10 ? 12 : 1))
  const restored = restoreHistory(JSON.parse(JSON.stringify(storeHistory(history))), policy)
  for (const one of [history, restored])
    teach(one, 300, (n) => (n % 100 < 10 ? 12 : 1), { fromMs: Date.UTC(2026, 10, 24) })
  const signals = someSignals({ tasks: [{ running: 10, waiting: 30 }] })
  expect(decide(signals, policy, restored)).toEqual(decide(signals, policy, history))
  expect(JSON.stringify(storeHistory(history)).length).toBeLessThan(200_000)
})

test('a stored history of another shape is left aside, not half believed', () => {
  const fresh = makeHistory(policy)
  for (const stored of [
    null,
    {},
    [],
    'x',
    { version: 1 },
    { ...(storeHistory(fresh) as object), version: 1 },
  ])
    expect(restoreHistory(stored, policy)).toEqual(fresh)
  const short = storeHistory(fresh) as { rehearsal: { late: unknown } }
  short.rehearsal.late = { all: [1, 2, 3] }
  expect(restoreHistory(short, policy)).toEqual(fresh)
})

test('what comes at the same time each day is prepared for, once it has come', () => {
  const history = makeHistory(policy)
  const tickMs = 20_000
  const perDay = day / tickMs
  const noon = perDay / 2
  const everyDay = (n: number): number => (n % perDay >= noon && n % perDay < noon + 6 ? 240 : 4)
  const nodesAt = (tick: number): number => {
    const nowMs = Date.UTC(2026, 10, 23) + tick * tickMs
    const signals = someSignals({ nowMs, tasks: [{ running: 4, serviceSeconds: 20 }], fleet: { ready: 40 } })
    return decide(signals, { ...policy, max: 100 }, history).desired
  }
  teach(history, 2 * perDay + noon - 3, everyDay, { tickMs })
  const minuteBefore = nodesAt(2 * perDay + noon - 3)
  expect(minuteBefore).toBeGreaterThan(10)
  const night = makeHistory(policy)
  teach(night, 2 * perDay + 180, everyDay, { tickMs })
  Object.assign(history, night)
  expect(nodesAt(2 * perDay + 180)).toBeLessThan(5)
})

test('nothing is learnt from what is unknown, nor from a clock that went back or stood still', () => {
  const history = makeHistory(policy)
  teach(history, 100, () => 2)
  const before = JSON.stringify({ ...history, atMs: 0 })
  learn(history, someSignals({ demand: null, nowMs: Date.UTC(2027, 1, 1) }), policy)
  learn(history, someSignals({ nowMs: history.atMs ?? 0 }), policy)
  learn(history, someSignals({ nowMs: (history.atMs ?? 0) - day }), policy)
  expect(JSON.stringify({ ...history, atMs: 0 })).toBe(before)
})

test('a gap of a day counts as a minute of learning, and the fleet stays in its limits', () => {
  const history = makeHistory(policy)
  teach(history, 1000, () => 2)
  const secondsBefore = history.seconds
  teach(history, 1, () => 2, { fromMs: (history.atMs ?? 0) + day })
  expect(history.seconds - secondsBefore).toBe(60)
})
