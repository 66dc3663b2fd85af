import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decide } from '../../../../queue/domain/scaling/decide.ts'
import { learn, makeHistory, noteDecision } from '../../../../queue/domain/scaling/history.ts'
import { defaultPolicy, type ScalingPolicy, scalingModes } from '../../../../queue/domain/scaling/policy.ts'
import type { TaskDemand } from '../../../../queue/domain/scaling/signals.ts'
import { storeHistory } from '../../../../queue/domain/scaling/stored-history.ts'
import { someSignals } from './some-signals.ts'

const policy: ScalingPolicy = { ...defaultPolicy, max: 100 }
const untaught = makeHistory(policy)
const desiredFor = (signals: Parameters<typeof someSignals>[0], given: Partial<ScalingPolicy> = {}): number =>
  decide(someSignals(signals), { ...policy, ...given }, untaught).desired

test('work that the nodes do not get through while another starts asks for more of them, in seconds and not in jobs', () => {
  const short = desiredFor({ tasks: [{ waiting: 200, serviceSeconds: 0.2 }] })
  const long = desiredFor({ tasks: [{ waiting: 200, serviceSeconds: 60 }] })
  expect(short).toBe(2) // 200 jobs of 0.2 s are over before a node is up
  expect(long).toBe(47) // no more than a slot for each
})

test('a forecast at most doubles a fleet or adds four nodes at once; jobs that wait may have a slot each', () => {
  const arrivals = { jobs: 500, slots: 500, slotSeconds: 30_000 }
  const coming = someSignals({ tasks: [{ waiting: 4, serviceSeconds: 60 }], demand: { arrivals } })
  const history = makeHistory(policy)
  learn(history, { ...coming, nowMs: coming.nowMs - 5000 }, policy)
  learn(history, coming, policy)
  expect(decide(coming, policy, history)).toMatchObject({
    desired: 6,
    reason: expect.stringContaining('First 6 nodes: at most twice as many at once, or a slot for each job'),
  })
  const waiting = someSignals({ tasks: [{ waiting: 40, serviceSeconds: 60 }], demand: { arrivals } })
  expect(decide(waiting, policy, history).desired).toBe(12)
})

test('what runs on nodes that leave takes no slot of those that stay', () => {
  const fleet = { ready: 4, draining: 2 }
  expect(desiredFor({ fleet, tasks: [{ running: 16 }] })).toBe(4)
  expect(desiredFor({ fleet, tasks: [{ running: 16, leaving: 8 }] })).toBe(2)
})

test('nodes on their way are supply: the same backlog asks for no second ones', () => {
  const backlog = { tasks: [{ waiting: 100, running: 8, serviceSeconds: 60 }] }
  const wanted = desiredFor(backlog, { max: 6 })
  expect(wanted).toBe(6)
  const fleet = { ready: 2, startingSeconds: [5, 5, 5, 5] }
  expect(desiredFor({ ...backlog, fleet }, { max: 6 })).toBe(6)
})

test('nothing is decided on what is unknown: the last decision stays, and says so', () => {
  const history = { ...makeHistory(policy), desired: 7 }
  for (const unknown of [{ demand: null }, { fleet: null }, { demand: null, fleet: null }]) {
    const decision = decide(someSignals(unknown), policy, history)
    expect(decision).toMatchObject({ desired: 7, isHeld: true })
    expect(decision.reason).toMatch(/^7 nodes kept: the (demand|fleet)( and the fleet)? is unknown\.$/)
  }
  // Never decided, and only the demand unknown: as many as there are.
  expect(decide(someSignals({ demand: null, fleet: { ready: 5 } }), policy, untaught).desired).toBe(5)
})

test('what no node could run is no demand', () => {
  const unfit = decide(
    someSignals({ tasks: [{ waiting: 500, slots: 5, serviceSeconds: 600 }] }),
    policy,
    untaught,
  )
  expect(unfit).toMatchObject({ desired: 2, inputs: { unfitJobs: 500 } })
})

test('jobs that become due while a node would start count, later ones do not', () => {
  const due = (inSeconds: number) => [{ due: [{ inSeconds, jobs: 100 }], serviceSeconds: 60 }]
  expect(desiredFor({ tasks: due(30) })).toBeGreaterThan(2)
  expect(desiredFor({ tasks: due(300) })).toBe(2)
})

test('jobs that would expire first ask for nodes that more patient ones do not, as far as a node is up in time', () => {
  const patient = { targetWaitMs: 3_600_000 }
  const expiring = (inSeconds: number) => ({
    tasks: [{ waiting: 60, running: 8, serviceSeconds: 60, expiring: [{ inSeconds, jobs: 60 }] }],
  })
  const anyway = desiredFor({ tasks: [{ waiting: 60, running: 8, serviceSeconds: 60 }] }, patient)
  expect(desiredFor(expiring(90), patient)).toBeGreaterThan(anyway)
  expect(desiredFor(expiring(30), patient)).toBe(anyway) // lost: a node takes a minute
  expect(desiredFor(expiring(100_000), patient)).toBe(anyway)
})

test('use over the upper threshold adds nodes until it is below; nodes in use are not taken away', () => {
  const tasks = [{ running: 1 }]
  const usage = { cpu: 0.95, memory: 0.5, gpu: null, busyWithoutJobs: 0 }
  const decision = decide(someSignals({ tasks, fleet: { ready: 10 }, usage }), policy, untaught)
  expect(decision.desired).toBe(12) // 10 nodes at 95 % are 12 below 80 %
  expect(decision.reason).toContain('CPU of 10 nodes is used to 95 %, with a threshold of 80 %')
  const idle = { cpu: 0.05, memory: 0.2, gpu: null, busyWithoutJobs: 0 }
  expect(desiredFor({ tasks, fleet: { ready: 10 }, usage: idle })).toBe(2)
  expect(desiredFor({ tasks, fleet: { ready: 10 }, usage: { ...idle, busyWithoutJobs: 4 } })).toBe(4)
})

test('a tier without work neither grows nor stays for what its nodes or their machines use', () => {
  const usage = { cpu: 1, memory: 0.9, gpu: 0.5, busyWithoutJobs: 2 }
  const idle = (ready: number) => desiredFor({ tasks: [{}], fleet: { ready }, usage }, { min: 0 })
  expect([idle(0), idle(1), idle(2)]).toEqual([0, 0, 0])
})

test('the simple modes do as they say', () => {
  const tasks = [{ waiting: 35, running: 8 }]
  expect(desiredFor({ tasks }, { mode: 'queueDepth', jobsPerNode: 10 })).toBe(5)
  expect(desiredFor({ tasks }, { mode: 'manual', replicas: 3 })).toBe(3)
  expect(desiredFor({ tasks }, { mode: 'manual', replicas: 300 })).toBe(100)
  const auto = decide(someSignals({ tasks }), policy, untaught)
  expect(decide(someSignals({ tasks }), { ...policy, mode: 'dryRun' }, untaught).desired).toBe(auto.desired)
})

test('an override holds against everything until its end', () => {
  const untilMs = Date.UTC(2026, 10, 23, 13)
  const given = { override: { replicas: 0, untilMs } }
  expect(desiredFor({ demand: null, nowMs: untilMs - 1 }, given)).toBe(0)
  expect(desiredFor({ nowMs: untilMs }, given)).toBe(2)
})

test('schedules change the limits at their times, in their time zone', () => {
  const schedules = [{ cron: '0 8 * * 1-5', timezone: 'Europe/Berlin', minutes: 60, min: 20 }]
  const at = (hours: number, minutes: number): number =>
    desiredFor({ nowMs: Date.UTC(2026, 10, 23, hours, minutes) }, { schedules, max: 16 }) // a Monday, UTC+1
  expect([at(6, 59), at(7, 0), at(7, 59), at(8, 0)]).toEqual([2, 6, 6, 2]) // at most 4 more at once of 2
})

test('a removal waits until the cooldown after the last one is over; adding waits for nothing', () => {
  const nowMs = Date.UTC(2026, 10, 23, 12)
  const history = { ...makeHistory(policy), removedAtMs: nowMs - 100_000 }
  const given = { ...policy, mode: 'queueDepth', cooldownSeconds: 300 } as const
  const tenNodes = { nowMs, fleet: { ready: 10 } }
  expect(decide(someSignals(tenNodes), given, history)).toMatchObject({
    desired: 10,
    reason: expect.stringContaining('the last removal was 100 s ago, with a cooldown of 5 min'),
  })
  expect(decide(someSignals(tenNodes), given, { ...history, removedAtMs: nowMs - 300_000 }).desired).toBe(2)
  expect(decide(someSignals({ ...tenNodes, tasks: [{ waiting: 120 }] }), given, history).desired).toBe(12)
})

test('a tier that may go down to nothing does, and comes back for one job', () => {
  const given = { min: 0, targetWaitMs: 60_000 }
  expect(desiredFor({ fleet: { ready: 1 } }, given)).toBe(0)
  expect(desiredFor({ fleet: { ready: 0 }, tasks: [{ waiting: 1, oldestWaitSeconds: 1 }] }, given)).toBe(1)
})

const someTask = fc.record({
  task: fc.constantFrom('a', 'b', 'c'),
  waiting: fc.nat(100_000),
  running: fc.nat(400),
  oldestWaitSeconds: fc.nat(10_000),
  remainingSeconds: fc.double({ min: 0.001, max: 1e5, noNaN: true }),
  usualRemainingSeconds: fc.double({ min: 0.001, max: 1e5, noNaN: true }),
  serviceSeconds: fc.double({ min: 0.001, max: 1e5, noNaN: true }),
  slots: fc.double({ min: 0.01, max: 8, noNaN: true }),
})
const anySignals = fc.record({
  tasks: fc.array(someTask, { maxLength: 4 }),
  fleet: fc.record({
    ready: fc.nat(200),
    startingSeconds: fc.array(fc.nat(600), { maxLength: 20 }),
    coldStartSeconds: fc.double({ min: 0.1, max: 1000, noNaN: true }),
  }),
})
const anyPolicy = fc.record({
  mode: fc.constantFrom(...scalingModes),
  min: fc.nat(10),
  targetWaitMs: fc.nat(600_000),
  cooldownSeconds: fc.nat(600),
})

test('whatever comes, a decision is a whole number of nodes within the limits, or on the way there, has a reason, and is the same again', () => {
  fc.assert(
    fc.property(fc.array(anySignals, { minLength: 1, maxLength: 8 }), anyPolicy, (moments, given) => {
      const own: ScalingPolicy = { ...policy, ...given, max: 40 }
      const history = makeHistory(own)
      moments.forEach((moment, n) => {
        const signals = someSignals({ ...moment, nowMs: n * 5000 })
        learn(history, signals, own)
        const before = JSON.stringify([signals, storeHistory(history)])
        const decision = decide(signals, own, history)
        expect(decide(signals, own, history)).toEqual(decision)
        expect(JSON.stringify([signals, storeHistory(history)])).toBe(before)
        expect(Number.isInteger(decision.desired)).toBe(true)
        const have = moment.fleet.ready + moment.fleet.startingSeconds.length
        expect(decision.desired).toBeLessThanOrEqual(Math.max(40, have))
        expect(decision.desired).toBeGreaterThanOrEqual(Math.min(own.min, have))
        expect(decision.reason).toMatch(/^\d+ nodes?[ :,].*\.$/)
        noteDecision(history, signals, decision.desired)
      })
    }),
    { numRuns: 40 },
  )
})

test('more waiting jobs never ask for fewer nodes', () => {
  fc.assert(
    fc.property(anySignals, fc.nat(1000), (moment, more) => {
      const add = (task: Partial<TaskDemand>) => ({ ...task, waiting: (task.waiting ?? 0) + more })
      const grown = { ...moment, tasks: moment.tasks.map(add) }
      // The mean service time is that of the jobs there are unless something was learnt.
      const history = { ...makeHistory(policy), slots: 10, slotSeconds: 200 }
      expect(decide(someSignals(grown), policy, history).desired).toBeGreaterThanOrEqual(
        decide(someSignals(moment), policy, history).desired,
      )
    }),
  )
})
