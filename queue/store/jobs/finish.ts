import type { BlobRef } from '../../domain/blob.ts'
import type { JobError, Json, Usage } from '../../domain/job.ts'
import type { Escalation, JobState, NextAfterFailure } from '../../domain/job-state.ts'
import type { Postgres } from '../postgres.ts'

/** How an attempt ended, as its holder reports it. */
export type Finish = { id: string; fence: number; usage: Usage | null } &
  /** With `resultRef` the result is kept in the blob store, and null here. */
  (
    | { outcome: 'succeeded'; result: Json; resultRef?: BlobRef | undefined }
    | { outcome: 'failed'; error: JobError; next: NextAfterFailure; reason?: string | undefined }
    | { outcome: 'handed-back'; error: JobError; next: NextAfterFailure; reason: string }
  )

/**
 * T4, T5 and T6: holders end attempts, each under its own boot. Answers with the state that each job went to, or null when it was not its holder's any more: then
 * nothing was changed, and nothing may be reported. A job that failed or was handed back under a cancel flag becomes cancelled.
 */
export async function finishJobs(
  postgres: Postgres,
  finishes: readonly { bootId: string; finish: Finish }[],
): Promise<(JobState | null)[]> {
  const column = <T>(pick: (finish: Finish) => T): T[] => finishes.map(({ finish }) => pick(finish))
  const rows = await postgres.query<{ id: string; fence: number; boot_id: string; state: JobState }>(
    `WITH input AS (
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::integer[], $13::jsonb[])
         AS t(boot_id, id, fence, outcome, state, delay_ms, result, error, usage, reason, next_tier, next_memory_mb, result_ref)
     ), locked AS MATERIALIZED (
       -- By id alone, as in the claim.
       SELECT jobs.id, jobs.state AS state_now, jobs.fence AS fence_now, jobs.boot_id AS boot_now, input.fence, input.boot_id, outcome, delay_ms, input.result, input.result_ref, input.error, input.usage, reason, next_tier, next_memory_mb,
              CASE WHEN outcome <> 'succeeded' AND cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE input.state END AS next_state
       FROM jobs JOIN input ON input.id = jobs.id
       ORDER BY jobs.id FOR UPDATE OF jobs
     ), moved AS (
       UPDATE jobs SET
         state = next_state,
         failures = failures + (outcome = 'failed')::integer,
         hand_backs = hand_backs + (outcome = 'handed-back')::integer,
         due_at = CASE WHEN next_state = 'pending' THEN now() + delay_ms * interval '1 millisecond' ELSE due_at END,
         ready = delay_ms = 0,
         tier = CASE WHEN next_state = 'pending' THEN coalesce(next_tier, tier) ELSE tier END,
         memory_mb = CASE WHEN next_state = 'pending' THEN coalesce(next_memory_mb, memory_mb) ELSE memory_mb END,
         result = locked.result::json,
         result_ref = locked.result_ref,
         error = CASE WHEN next_state = 'cancelled' THEN jsonb_build_object('code', 'CANCELLED', 'message', 'Cancelled on request.', 'attempt', attempt)
                      WHEN outcome = 'handed-back' AND next_state = 'pending' THEN jobs.error
                      ELSE locked.error::jsonb END,
         usage = locked.usage::jsonb,
         progress = CASE WHEN next_state = 'succeeded' AND progress IS NOT NULL THEN 100 ELSE progress END,
         boot_id = NULL,
         cancel_requested_at = CASE WHEN next_state = 'pending' THEN NULL ELSE cancel_requested_at END,
         finished_at = CASE WHEN next_state = 'pending' THEN NULL ELSE now() END,
         event_seq = event_seq + 1
       FROM locked WHERE jobs.id = locked.id AND state_now = 'running' AND fence_now = locked.fence AND boot_now = locked.boot_id
       RETURNING jobs.id, jobs.fence, jobs.state, jobs.attempt, jobs.event_seq, jobs.node_id, jobs.started_at, jobs.usage, locked.boot_id, outcome, locked.error AS attempt_error, reason
     ), attempt_rows AS (
       INSERT INTO attempts (job_id, attempt, fence, node_id, boot_id, outcome, error, usage, started_at)
       SELECT id, attempt, fence, node_id, boot_id, CASE WHEN state = 'cancelled' THEN 'cancelled' ELSE outcome END, attempt_error::jsonb, usage, started_at FROM moved
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence, reason)
       SELECT id, event_seq, state, attempt, node_id, fence, reason FROM moved
     )
     SELECT id, fence, boot_id, state FROM moved`,
    [
      finishes.map(({ bootId }) => bootId),
      column((finish) => finish.id),
      column((finish) => finish.fence),
      column((finish) => finish.outcome),
      column((finish) => (finish.outcome === 'succeeded' ? 'succeeded' : finish.next.state)),
      column((finish) =>
        finish.outcome !== 'succeeded' && finish.next.state === 'pending' ? finish.next.delayMs : 0,
      ),
      column((finish) => (finish.outcome === 'succeeded' ? JSON.stringify(finish.result) : null)),
      column((finish) => (finish.outcome === 'succeeded' ? null : JSON.stringify(finish.error))),
      column((finish) => (finish.usage ? JSON.stringify(finish.usage) : null)),
      column(reasonOf),
      column((finish) => escalationOf(finish)?.tier ?? null),
      column((finish) => escalationOf(finish)?.memoryMb ?? null),
      column((finish) =>
        finish.outcome === 'succeeded' && finish.resultRef ? JSON.stringify(finish.resultRef) : null,
      ),
    ],
    'finish-jobs',
  )
  const keyOf = (id: string, fence: number, bootId: string): string => `${id} ${String(fence)} ${bootId}`
  const states = new Map(rows.map((row) => [keyOf(row.id, row.fence, row.boot_id), row.state]))
  return finishes.map(({ bootId, finish }) => states.get(keyOf(finish.id, finish.fence, bootId)) ?? null)
}

function escalationOf(finish: Finish): Escalation | undefined {
  return finish.outcome !== 'succeeded' && finish.next.state === 'pending'
    ? finish.next.escalation
    : undefined
}

function reasonOf(finish: Finish): string | null {
  if (finish.outcome === 'succeeded') return null
  return finish.reason ?? finish.error.code
}
