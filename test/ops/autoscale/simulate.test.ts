import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { leaveIdleFirst, type FleetView, toDesired } from '../../../ops/autoscale/simulate/fleet.ts'
import { makeNoodlePilot } from '../../../ops/autoscale/simulate/noodle-pilot.ts'
import { rivals } from '../../../ops/autoscale/simulate/rivals/all-rivals.ts'
import {
  type FleetSettings,
  type Pilot,
  type RunResult,
  simulate,
} from '../../../ops/autoscale/simulate/simulate.ts'
import {
  toWorkload,
  type Workload,
  type WorkloadJob,
  workOf,
} from '../../../ops/autoscale/simulate/workload.ts'
import { defaultPolicy } from '../../../queue/domain/scaling/policy.ts'

const settings: FleetSettings = { slotsPerNode: 4, min: 1, max: 20, coldStart: () => 30 }
const fixed = (nodes: number): Pilot => ({
  everySeconds: 10,
  steer: (view) => toDesired(view, nodes, leaveIdleFirst, 'drain'),
})
const noodle = (workload: Workload, targetWaitMs = 5000): Pilot =>
  makeNoodlePilot(workload, { ...defaultPolicy, min: settings.min, max: settings.max, targetWaitMs })
const pilots: Record<string, (workload: Workload, settings: FleetSettings) => Pilot> = {
  noodle: (workload) => noodle(workload),
  ...rivals,
}

const someJobs = fc
  .array(
    fc.record(
      {
        at: fc.double({ min: 0, max: 2000, noNaN: true }),
        serviceSeconds: fc.double({ min: 0.01, max: 300, noNaN: true }),
        slots: fc.integer({ min: 1, max: 4 }),
        deadlineSeconds: fc.nat(200),
        task: fc.constantFrom('a', 'b'),
      },
      { requiredKeys: ['at', 'serviceSeconds'] },
    ),
    { minLength: 1, maxLength: 120 },
  )
  .map((jobs) => toWorkload(jobs as WorkloadJob[]))

/** Watches a run: nodes that take jobs must be up, and no slot may be given twice. */
function watched(pilot: Pilot): Pilot {
  const check = (view: FleetView): void => {
    for (const node of view.nodes) {
      if (node.state === 'starting') expect([node.jobs.length, view.now < node.readyAt]).toEqual([0, true])
      expect(node.usedSlots).toBeLessThanOrEqual(view.slotsPerNode)
      expect(node.askedAt).toBeLessThanOrEqual(node.readyAt)
    }
    expect(view.nodes.length).toBeLessThanOrEqual(view.max)
  }
  return {
    ...pilot,
    steer(view) {
      check(view)
      return pilot.steer(view)
    },
  }
}

test.each(Object.entries(pilots))(
  '%s: no job is lost or run on a node that is not up, and the floor is not undercut',
  (_, makePilot) => {
    fc.assert(
      fc.property(someJobs, (workload) => {
        const run = (): RunResult => simulate(workload, settings, watched(makePilot(workload, settings)))
        const result = run()
        expect(result.finished + result.deadlineMisses).toBe(workload.count)
        const misses = [...workload.deadlineAt].filter((at) => at < Infinity).length
        expect(result.deadlineMisses).toBeLessThanOrEqual(misses)
        expect([...result.waitSeconds].every((wait) => wait >= 0)).toBe(true)
        if (result.deadlineMisses === 0)
          expect(result.nodeSeconds * settings.slotsPerNode).toBeGreaterThanOrEqual(workOf(workload) - 1e-6)
        expect(run()).toEqual(result)
      }),
      { numRuns: 20 },
    )
  },
)

test('noodle never interrupts a job, whatever comes', () => {
  fc.assert(
    fc.property(someJobs, fc.nat(300_000), (workload, targetWaitMs) => {
      expect(simulate(workload, settings, noodle(workload, targetWaitMs)).busyKills).toBe(0)
    }),
    { numRuns: 30 },
  )
})

test('a larger fixed fleet makes no job wait longer, and as many slots on fewer nodes neither', () => {
  const oneSlot = someJobs.map((workload) => ({
    ...workload,
    slots: workload.slots.map(() => 1),
    deadlineAt: workload.deadlineAt.map(() => Infinity),
  }))
  fc.assert(
    fc.property(oneSlot, fc.integer({ min: 1, max: 6 }), (workload, nodes) => {
      const waits = (own: FleetSettings): Float64Array => simulate(workload, own, fixed(own.min)).waitSeconds
      const few = waits({ ...settings, min: nodes })
      const more = waits({ ...settings, min: nodes + 1 })
      const wide = waits({ ...settings, min: 1, slotsPerNode: 4 * nodes })
      few.forEach((wait, job) => expect(more[job]).toBeLessThanOrEqual(wait + 1e-9))
      expect(wide).toEqual(few)
    }),
    { numRuns: 30 },
  )
})

test('waits on a fixed fleet are those of queueing theory (Erlang C)', () => {
  const slots = 8
  const perSecond = 7
  let state = 12_345
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 // Lehmer
  const exponential = (mean: number): number => -mean * Math.log(1 - random())
  let at = 0
  const workload = toWorkload(
    Array.from({ length: 60_000 }, () => ({
      at: (at += exponential(1 / perSecond)),
      serviceSeconds: exponential(1),
    })),
  )
  const { waitSeconds } = simulate(workload, { ...settings, min: 2, max: 2 }, fixed(2))
  const mean = waitSeconds.reduce((sum, wait) => sum + wait, 0) / waitSeconds.length
  const waited = waitSeconds.filter((wait) => wait > 0).length / waitSeconds.length
  const expected = erlangC(slots, perSecond)
  expect(waited).toBeGreaterThan(expected * 0.93)
  expect(waited).toBeLessThan(expected * 1.07)
  const expectedMean = expected / (slots - perSecond)
  expect(mean).toBeGreaterThan(expectedMean * 0.85)
  expect(mean).toBeLessThan(expectedMean * 1.15)
})

/** The share of jobs that wait when `load` of `servers` are used on average (Erlang, 1917). */
function erlangC(servers: number, load: number): number {
  let blocked = 1 // Erlang B, by recursion
  for (let n = 1; n <= servers; n++) blocked = (load * blocked) / (n + load * blocked)
  return blocked / (1 - (load / servers) * (1 - blocked))
}

test('a job that scaling kills begins anew, and the time that it lost is part of its wait', () => {
  const workload = toWorkload([{ at: 0, serviceSeconds: 100 }])
  let wasKilled = false
  const { waitSeconds, busyKills } = simulate(
    workload,
    { ...settings, min: 1, coldStart: () => 0 },
    {
      everySeconds: 10,
      steer(view) {
        if (view.now < 20 || wasKilled) return { start: view.nodes.length === 0 ? 1 : 0, remove: [], how: 0 }
        wasKilled = true
        return { start: 1, remove: view.nodes, how: 0 }
      },
    },
  )
  expect(busyKills).toBe(1)
  expect(waitSeconds[0]).toBe(20)
})

test('a job that has not started by its deadline expires, and is missed', () => {
  const workload = toWorkload([
    { at: 0, serviceSeconds: 100, slots: 4 },
    { at: 1, serviceSeconds: 1, deadlineSeconds: 50 },
    { at: 2, serviceSeconds: 1, deadlineSeconds: 98 },
  ])
  const { deadlineMisses, finished, waitSeconds } = simulate(workload, { ...settings, max: 1 }, fixed(1))
  expect([deadlineMisses, finished]).toEqual([1, 2])
  expect([...waitSeconds]).toEqual([0, 50, 98])
})

test('a policy that never starts a node that is needed is told, instead of being waited for', () => {
  const workload = toWorkload([{ at: 0, serviceSeconds: 1 }])
  expect(() => simulate(workload, { ...settings, min: 0 }, fixed(0))).toThrow(/1 job is left/)
})

test('at the wait that KEDA with the HPA has under a steady load, noodle needs fewer nodes and kills nothing', () => {
  let state = 99
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  let at = 0
  const workload = toWorkload(
    Array.from({ length: 4000 }, () => ({
      at: (at -= Math.log(1 - random())),
      serviceSeconds: -20 * Math.log(1 - random()),
    })),
  )
  const theirs = simulate(workload, settings, rivals['keda-hpa'](workload, settings))
  const ours = simulate(workload, settings, noodle(workload, p95(theirs) * 1000))
  expect(p95(ours)).toBeLessThanOrEqual(p95(theirs))
  expect(ours.nodeSeconds).toBeLessThan(0.9 * theirs.nodeSeconds)
  expect(theirs.busyKills).toBeGreaterThan(0)
})

const p95 = ({ waitSeconds }: RunResult): number =>
  waitSeconds.toSorted()[Math.ceil(waitSeconds.length * 0.95) - 1] ?? 0
