import type { BlobRef } from '../../domain/blob.ts'
import type { ClaimedJob, Json } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { byIdOnly, inIdOrder } from './by-id.ts'

/** The newest format of job rows that this version's workers can read, and those before it. Raised by a release that writes rows which the one before can't run. */
export const formatVersion = 1

export interface ClaimedRow {
  tenant: string
  task: string
  tier: string
  payload: Json
  payload_ref: BlobRef | null
  terms: string
  attempt: number
  fence: number
  cache_key: Buffer | null
  waited_ms: number
}

/** `isAlone`: nothing runs beside it on its node, so it may be a suspect. */
export interface Claim {
  bootId: string
  id: string
  isAlone: boolean
}

/** What most jobs have in common with the one before them, in one text, which is read once for all of them. */
const terms =
  "concat_ws(' ', jobs.cpu, jobs.memory_mb, jobs.gpu, jobs.timeout_ms, jobs.max_attempts, jobs.backoff_ms, jobs.backoff_strategy, jobs.escalate_tier, jobs.failures, jobs.hand_backs)"

/** A ClaimedRow of jobs. */
export const claimedColumns = `jobs.tenant, jobs.task, jobs.tier, jobs.payload, jobs.payload_ref, ${terms} AS terms, jobs.attempt, jobs.fence, jobs.cache_key,
  greatest(0, date_part('epoch', now() - jobs.due_at) * 1000) AS waited_ms`

/**
 * T3: nodes claim jobs that deliveries named, each under its own boot. A suspect, with so many crashes, only where it runs alone: an older delivery does not know that yet. A claim holds its own node row, live, against the reaper: a boot that was given up claims nothing.
 * Answers for each with the job; null for one that is somebody else's, ended, or gone: its delivery is forgotten. A job that is asked for twice in one
 * round starts one run.
 */
export async function claimJobs(
  postgres: Postgres,
  claims: readonly Claim[],
  suspectFrom: number,
): Promise<(ClaimedJob | null)[]> {
  const asked = new Set<string>()
  const first = claims
    .filter(({ id }) => !asked.has(id) && asked.add(id)) // the first who asks for a job
    .sort(inIdOrder(({ id }) => id))
  const rows = await postgres.query<ClaimedRow & { place: number }>(
    `WITH node AS (
       -- Key share bears the renewal of the lease beside it, and excludes the reaper's lock.
       SELECT id, boot_id FROM nodes WHERE boot_id = ANY($2::uuid[]) AND state IN ('ready', 'draining') ORDER BY boot_id FOR KEY SHARE
     ), claimed AS (
       UPDATE jobs SET state = 'running', fence = greatest(jobs.fence, (SELECT epoch FROM platform) * 4294967296::bigint) + 1, boot_id = node.boot_id, node_id = node.id,
         attempt = jobs.attempt + 1, started_at = now(), progress = NULL, progress_note = NULL, event_seq = jobs.event_seq + 1
       -- Of an array in a subselect the planner does not see how long it is: else it would plan anew for few jobs, which takes it longer than to claim them.
       FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $5::boolean[])) WITH ORDINALITY AS input(id, boot_id, is_alone, place) JOIN node USING (boot_id)
       WHERE jobs.id = input.id AND jobs.state ${byIdOnly} = 'queued' AND format_version <= $3 AND (expires_at IS NULL OR expires_at > now())
         AND (crashes < $4::integer OR is_alone)
       RETURNING place::integer, jobs.id, ${claimedColumns}, jobs.event_seq, jobs.node_id
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence) SELECT id, event_seq, 'running', attempt, node_id, fence FROM claimed
     )
     SELECT place, tenant, task, tier, payload, payload_ref, terms, attempt, fence, cache_key, waited_ms FROM claimed`,
    [
      first.map(({ id }) => id),
      first.map(({ bootId }) => bootId),
      formatVersion,
      suspectFrom,
      first.map(({ isAlone }) => isAlone),
    ],
    'claim-jobs',
  )
  const claimed = new Map<Claim, ClaimedJob>()
  for (const row of rows) {
    const claim = first[row.place - 1]
    if (claim) claimed.set(claim, toClaimedJob(claim.id, row))
  }
  return claims.map((claim) => claimed.get(claim) ?? null)
}

export const toClaimedJob = (id: string, row: ClaimedRow): ClaimedJob => ({
  id,
  tenant: row.tenant,
  task: row.task,
  tier: row.tier,
  payload: row.payload,
  payloadRef: row.payload_ref,
  ...readTerms(row.terms),
  attempt: row.attempt,
  fence: row.fence,
  cacheKey: row.cache_key,
  waitedMs: row.waited_ms,
})

type Terms = Pick<ClaimedJob, 'resources' | 'timeoutMs' | 'retry' | 'failures' | 'handBacks'>

let last: { text: string; terms: Terms } | undefined

function readTerms(text: string): Terms {
  if (last?.text !== text) last = { text, terms: parseTerms(text) }
  return last.terms
}

function parseTerms(text: string): Terms {
  const [cpu, memoryMb, gpu, timeoutMs, maxAttempts, backoffMs, strategy, escalateTier, failures, handBacks] =
    text.split(' ')
  return {
    resources: { cpu: Number(cpu), memoryMb: Number(memoryMb), gpu: Number(gpu) },
    timeoutMs: Number(timeoutMs),
    retry: {
      maxAttempts: Number(maxAttempts),
      backoffMs: Number(backoffMs),
      strategy: strategy === 'fixed' ? 'fixed' : 'exponential',
      escalateTier: escalateTier === 't',
    },
    failures: Number(failures),
    handBacks: Number(handBacks),
  }
}
