import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { type Cluster, startCluster } from '../cluster.ts'
import { readEffects } from '../effect-log.ts'
import { allFaults } from '../faults/all-faults.ts'
import { expectedEnds } from '../job-kinds.ts'
import { type Journal, openJournal } from '../journal.ts'
import type { Profile } from '../profiles.ts'
import { makePromises } from '../promises.ts'
import { makeRandom } from '../random.ts'
import { startWorkload } from '../workload.ts'
import { queueName } from './baseline-job.ts'

/** Those that both sides can meet, in the order of all faults: there is no Postgres here, and no ops. */
export const baselineFaults = [
  'worker killed',
  'Redis killed',
  'Redis killed, last second of its log lost',
  'Redis emptied',
  'Redis back in an older state',
]

export interface Losses {
  cycles: number
  acknowledged: number
  /** Acknowledged jobs of which nothing is left. */
  lost: number
  /** Acknowledged jobs that did not end within the bound. */
  stuck: number
  /** Jobs that ended otherwise than their task did. */
  wrong: number
  /** Jobs whose effect came to its end more than once. */
  repeatedEffects: number
  /** Jobs that ran twice at the same time. */
  overlaps: number
}

/** The same workload and faults against Express and BullMQ alone; what is lost is only counted. */
export async function runBaseline(options: {
  profile: Profile
  seed: number
  cycles: number
  print: (line: string) => void
}): Promise<Losses> {
  const { profile, cycles, print } = options
  const random = makeRandom(options.seed)
  const cluster = await startCluster(profile, {}, 'baseline')
  const journal = openJournal(join(cluster.folder, 'journal.ndjson'))
  const queue = new Queue(queueName, { connection: cluster.stores.redisAdmin })
  queue.on('error', () => {}) // Redis is away now and then
  const total: Losses = {
    cycles,
    acknowledged: 0,
    lost: 0,
    stuck: 0,
    wrong: 0,
    repeatedEffects: 0,
    overlaps: 0,
  }
  try {
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const fault = allFaults.find(({ name }) => name === baselineFaults[(cycle - 1) % baselineFaults.length])
      if (!fault) throw new Error('A fault of the baseline is not there any more.')
      const workload = startWorkload(cluster, journal, random.fork(), { cycle })
      await sleep(random.between(300, 1200))
      await fault.strike({
        cluster,
        profile,
        random: random.fork(),
        workload,
        journal,
        promises: makePromises(),
        tell: () => {},
        afterwards: () => {},
      })
      await sleep(random.between(300, 1000))
      await workload.stop(profile.answerBoundMs)
      const { lost, stuck, wrong } = await settle(queue, journal, cycle, profile)
      total.lost += lost
      total.stuck += stuck
      total.wrong += wrong
      print(`baseline ${cycle}/${cycles} ${fault.name}: ${lost} lost, ${stuck} stuck, ${wrong} ended wrongly`)
    }
    total.acknowledged = journal.accepted.size
    return { ...total, ...countEffects(cluster) }
  } finally {
    await queue.close()
    await journal.close()
    await cluster.close({ keepFolder: false })
  }
}

/** Waits until each job of the cycle has ended or is gone, as long as the platform would get. */
async function settle(
  queue: Queue,
  journal: Journal,
  cycle: number,
  profile: Profile,
): Promise<Pick<Losses, 'lost' | 'stuck' | 'wrong'>> {
  const jobs = [...journal.accepted.values()].filter((job) => job.cycle === cycle && job.kind !== 'cancelled')
  const deadline = performance.now() + profile.drainBoundMs
  for (;;) {
    const states = await Promise.all(jobs.map((job) => queue.getJobState(job.id)))
    const live = states.filter((state) => !['completed', 'failed', 'unknown'].includes(state))
    if (live.length > 0 && performance.now() < deadline) {
      await sleep(200)
      continue
    }
    return {
      lost: states.filter((state) => state === 'unknown').length,
      stuck: live.length,
      wrong: jobs.filter(({ kind }, i) => states[i] === 'failed' && !expectedEnds[kind].includes('failed'))
        .length,
    }
  }
}

function countEffects({ effectLog }: Cluster): Pick<Losses, 'repeatedEffects' | 'overlaps'> {
  const ends = new Map<string, number>()
  const newest = new Map<string, number>()
  const overlapping = new Set<string>()
  for (const { jobId, fence, phase } of readEffects(effectLog)) {
    if (phase === 'end') ends.set(jobId, (ends.get(jobId) ?? 0) + 1)
    if (fence < (newest.get(jobId) ?? 0)) overlapping.add(jobId)
    newest.set(jobId, Math.max(fence, newest.get(jobId) ?? 0))
  }
  return {
    repeatedEffects: [...ends.values()].filter((count) => count > 1).length,
    overlaps: overlapping.size,
  }
}
