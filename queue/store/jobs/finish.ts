import type { BlobRef } from '../../domain/blob.ts'
import type { JobError, Json, Usage } from '../../domain/job.ts'
import type { JobState, NextAfterFailure } from '../../domain/job-state.ts'
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
  const rows = await postgres.query<{ id: string; fence: number; boot_id: string; state: JobState }>(
    `WITH input AS (
       -- One JSON document, as when jobs are accepted; what a success has no use for is not in it. A result is text in it: json bears what can't be taken out of a document.
       SELECT * FROM json_to_recordset($1::json) AS t(boot_id uuid, id uuid, fence bigint, outcome text, state text, delay_ms integer, result text, result_ref jsonb,
         error jsonb, usage jsonb, reason text, next_tier text, next_memory_mb integer)
       LIMIT $2 -- as many as there are; of a limit that it does not know the planner thinks that it leaves few, and looks each up by its id
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
         ready = coalesce(delay_ms, 0) = 0,
         tier = CASE WHEN next_state = 'pending' THEN coalesce(next_tier, tier) ELSE tier END,
         memory_mb = CASE WHEN next_state = 'pending' THEN coalesce(next_memory_mb, memory_mb) ELSE memory_mb END,
         result = locked.result::json,
         result_ref = locked.result_ref,
         error = CASE WHEN next_state = 'cancelled' THEN jsonb_build_object('code', 'CANCELLED', 'message', 'Cancelled on request.', 'attempt', attempt)
                      WHEN outcome = 'handed-back' AND next_state = 'pending' THEN jobs.error
                      ELSE locked.error END,
         usage = locked.usage,
         progress = CASE WHEN next_state = 'succeeded' AND progress IS NOT NULL THEN 100 ELSE progress END,
         boot_id = NULL,
         cancel_requested_at = CASE WHEN next_state = 'pending' THEN NULL ELSE cancel_requested_at END,
         finished_at = CASE WHEN next_state = 'pending' THEN NULL ELSE now() END,
         event_seq = event_seq + 1
       FROM locked WHERE jobs.id = locked.id AND state_now = 'running' AND fence_now = locked.fence AND boot_now = locked.boot_id
       RETURNING jobs.id, jobs.fence, jobs.state, jobs.attempt, jobs.event_seq, jobs.node_id, jobs.started_at, jobs.usage, locked.boot_id, outcome, locked.error AS attempt_error, reason
     ), attempt_rows AS (
       INSERT INTO attempts (job_id, attempt, fence, node_id, boot_id, outcome, error, usage, started_at)
       SELECT id, attempt, fence, node_id, boot_id, CASE WHEN state = 'cancelled' THEN 'cancelled' ELSE outcome END, attempt_error, usage, started_at FROM moved
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence, reason)
       SELECT id, event_seq, state, attempt, node_id, fence, reason FROM moved
     )
     SELECT id, fence, boot_id, state FROM moved`,
    [JSON.stringify(finishes.map(({ bootId, finish }) => toInput(bootId, finish))), finishes.length],
    'finish-jobs',
  )
  const keyOf = (id: string, fence: number, bootId: string): string => `${id} ${String(fence)} ${bootId}`
  const states = new Map(rows.map((row) => [keyOf(row.id, row.fence, row.boot_id), row.state]))
  return finishes.map(({ bootId, finish }) => states.get(keyOf(finish.id, finish.fence, bootId)) ?? null)
}

/** As the statement reads it. */
function toInput(bootId: string, finish: Finish): object {
  const { id, fence, outcome, usage } = finish
  const input = { boot_id: bootId, id, fence, outcome, usage }
  if (finish.outcome === 'succeeded')
    return {
      ...input,
      state: 'succeeded',
      result: JSON.stringify(finish.result),
      result_ref: finish.resultRef,
    }
  const { error, next, reason = error.code } = finish
  if (next.state === 'failed') return { ...input, state: 'failed', error, reason }
  const { delayMs, escalation } = next
  return {
    ...input,
    ...{ state: 'pending', delay_ms: delayMs, error, reason },
    ...{ next_tier: escalation?.tier, next_memory_mb: escalation?.memoryMb },
  }
}
