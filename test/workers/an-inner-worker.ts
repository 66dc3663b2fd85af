import { setTimeout as delay } from 'node:timers/promises'
import { type NodeReport, nothingToReport } from '../../queue/domain/node.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeClaimLoop } from '../../queue/intake/claim-loop.ts'
import { echo, sleep } from '../../workers/executors/builtin.ts'
import type { NodeCapacity } from '../../queue/intake/node-allocator.ts'
import { makeDirectPlatform } from '../../workers/direct-platform.ts'
import { makeJobHolder } from '../../workers/job-holder.ts'
import { makeNodeLease } from '../../workers/node-lease.ts'
import { makeRuns } from '../../queue/intake/runs.ts'
import { cleanUp } from '../support/clean-up.ts'
import { noBlobs, noLog } from './a-run.ts'

interface NodeSettings {
  id?: string
  tiers?: string[]
  concurrency?: number
  capacity?: Partial<NodeCapacity>
  report?: () => NodeReport
  onDraining?: () => void
  onRecalled?: () => void
}

/** A node of this process, without what takes deliveries. It is stopped after the test. */
export function openNode(
  deps: QueueDeps,
  {
    id = `node-${deps.newId()}`,
    tiers = ['small'],
    concurrency = 2,
    report = () => nothingToReport,
    onDraining = () => undefined,
    onRecalled = () => undefined,
  }: NodeSettings = {},
) {
  const runs = makeRuns()
  let kills = 0
  const lease = makeNodeLease(
    { ...deps, platform: makeDirectPlatform(deps) },
    {
      node: { id, tiers, cpus: 1, memoryMb: 1, gpus: 0, concurrency, version: '0', tasks: [] },
      runs,
      guards: [],
      killAll: () => kills++,
      onDraining,
      onRecalled,
      killGraceMs: 10,
      report,
    },
  )
  cleanUp(() => lease.stop())
  return {
    id,
    runs,
    lease,
    kills: () => kills,
    boot: () => lease.liveBoot({ waitMs: 5000, signal: new AbortController().signal }),
    /** Resolves when the rows that it holds have been looked at, by a renewal that began after this call. */
    async looked() {
      for (let looks = 0; looks < 2; looks++) {
        const seenAt = (await deps.nodes.findLive(id))?.lastSeenAt.getTime()
        lease.lookNow()
        while ((await deps.nodes.findLive(id))?.lastSeenAt.getTime() === seenAt) await delay(5)
      }
    },
  }
}

/** A node that runs echo and sleep in this process. */
export async function startInnerWorker(
  deps: QueueDeps,
  { tiers = ['small'], concurrency = 2, capacity, ...settings }: NodeSettings = {},
) {
  const node = openNode(deps, {
    ...{ tiers, concurrency },
    report: () => ({ ...nothingToReport, isDrained: intake.isDrained() }),
    onDraining: () => intake.stopIntake(),
    onRecalled: () => intake.resumeIntake(),
    ...settings,
  })
  const { lease, runs } = node
  const holder = makeJobHolder(
    { ...deps, platform: makeDirectPlatform(deps) },
    {
      tasks: new Map([echo, sleep].map((task) => [task.offer.name, task])),
      resultBytes: 1024,
      blobs: noBlobs,
      checkpointBytes: 1024,
      killGraceMs: 10,
      drainDeadlineMs: 20,
      hasLapsed: (boot) => lease.hasLapsed(boot),
      runs,
      logs: { open: () => ({ ...noLog, end: () => Promise.resolve() }) },
    },
  )
  const intake = makeClaimLoop(deps, {
    tiers,
    capacity: { slots: concurrency, cpus: 1, memoryMb: 1, gpus: 0, gpuShares: 1, ...capacity },
    tasks: new Set([echo, sleep].map((task) => task.offer.name)),
    lease,
    runs,
    carry: (run, onRan) => holder.carry(run, onRan),
  })
  const loop = {
    ...holder.takeFrom(intake),
    stopIntake: () => intake.stopIntake(),
    resumeIntake: () => intake.resumeIntake(),
    isDrained: () => intake.isDrained(),
  }
  cleanUp(() => loop.stop())
  await node.lease.start()
  await loop.start()
  return { ...node, loop }
}
