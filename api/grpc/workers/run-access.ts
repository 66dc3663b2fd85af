import { LRUCache } from 'lru-cache'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import type { GrpcCall } from '../method.ts'
import type { RunId__Output } from '../../../proto/generated/noodle/v1/RunId.ts'

/** What a boot may reach: the jobs that it holds, and the logs of what it has started. */
export interface RunAccess {
  /** Those of the jobs that the boot holds. */
  list(bootId: string, jobIds: readonly string[]): Promise<ClaimedJob[]>
  /** The job of a run, when the boot holds it under this fence; else null. */
  find(bootId: string, jobId: string, fence: number): Promise<ClaimedJob | null>
  /** The same of a message. @throws NOT_HELD; NOT_PERMITTED as `requireOwn` */
  require(caller: Caller, run: RunId__Output | null): Promise<{ bootId: string; job: ClaimedJob }>
  /** A token that a node signed speaks for the boots of that node only. @throws NOT_PERMITTED */
  requireOwn(caller: Caller, bootId: string): Promise<void>
  /** A start that the boot makes. */
  remember(bootId: string, start: { jobId: string; attempt: number }): void
  /** For each start whether the boot has made it. */
  haveStarted(bootId: string, starts: readonly { jobId: string; attempt: number }[]): Promise<boolean[]>
}

type Caller = Pick<GrpcCall, 'actor'>

/** Starts that are remembered, and boots: they stay true. */
const mostRemembered = 20_000

export function makeRunAccess(deps: Pick<QueueDeps, 'jobs' | 'nodes'>): RunAccess {
  const made = new LRUCache<string, true>({ max: mostRemembered })
  const nodeOf = new LRUCache<string, string>({ max: mostRemembered })
  const keyOf = (bootId: string, { jobId, attempt }: { jobId: string; attempt: number }): string =>
    `${bootId} ${jobId} ${String(attempt)}`

  async function list(bootId: string, jobIds: readonly string[]): Promise<ClaimedJob[]> {
    const ids = jobIds.filter(isUuid)
    return ids.length > 0 && isUuid(bootId) ? deps.jobs.findHeld(bootId, ids) : []
  }

  async function find(bootId: string, jobId: string, fence: number): Promise<ClaimedJob | null> {
    const [job] = await list(bootId, [jobId])
    return job?.fence === fence ? job : null
  }

  async function requireOwn({ actor }: Caller, bootId: string): Promise<void> {
    if (actor?.nodeId === undefined || !isUuid(bootId)) return
    const nodeId = nodeOf.get(bootId) ?? (await deps.nodes.findNodeId(bootId))
    if (nodeId !== null) nodeOf.set(bootId, nodeId)
    requireSameNode({ actor }, nodeId)
  }

  return {
    list,
    find,
    requireOwn,
    async require(caller, run) {
      if (run) await requireOwn(caller, run.bootId)
      const job = run && (await find(run.bootId, run.jobId, Number(run.fence)))
      if (!job)
        throw new QueueError(
          'NOT_HELD',
          `This boot does not hold the job ${run?.jobId ?? ''} under the fence ${run?.fence ?? ''}; stop it and report nothing.`,
        )
      return { bootId: run.bootId, job }
    },
    remember: (bootId, start) => void made.set(keyOf(bootId, start), true),
    async haveStarted(bootId, starts) {
      const unknown = starts.filter((start) => !made.has(keyOf(bootId, start)) && isUuid(start.jobId))
      if (unknown.length > 0 && isUuid(bootId)) {
        const ids = [...new Set(unknown.map(({ jobId }) => jobId))]
        for (const start of await deps.jobs.findStarts(bootId, ids)) made.set(keyOf(bootId, start), true)
      }
      return starts.map((start) => made.has(keyOf(bootId, start)))
    },
  }
}

/** @throws NOT_PERMITTED */
export function requireSameNode({ actor }: Caller, nodeId: string | null): void {
  const own = actor?.nodeId
  if (own !== undefined && own !== nodeId)
    throw new QueueError(
      'NOT_PERMITTED',
      `The token is that of the node ${own}, not of ${nodeId ?? 'one with this boot'}.`,
    )
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
