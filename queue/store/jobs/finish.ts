import type { BlobRef } from '../../domain/blob.ts'
import type { JobError, Json, Usage } from '../../domain/job.ts'
import type { JobState, NextAfterFailure } from '../../domain/job-state.ts'
import type { Postgres } from '../postgres.ts'
import { byIdOnly, inIdOrder } from './by-id.ts'

/** How an attempt ended, as its holder reports it. */
export type Finish = { id: string; fence: number; usage: Usage | null } &
  /** With `resultRef` the result is kept in the blob store, and null here. */
  (
    | { outcome: 'succeeded'; result: Json; resultRef?: BlobRef | undefined }
    | { outcome: 'failed'; error: JobError; next: NextAfterFailure; reason?: string | undefined }
    | { outcome: 'handed-back'; error: JobError; next: NextAfterFailure; reason: string }
  )

/** What stands in the row when the end is written decides, not what stood there when the statement began: a cancel may come in between. */
const isCancelled = "(outcome <> 'succeeded' AND cancel_requested_at IS NOT NULL)"
const isPending = "(next_state = 'pending' AND cancel_requested_at IS NULL)"

/**
 * T4, T5 and T6: holders end attempts, each under its own boot. Answers with the state that each job went to, or null when it was not its holder's any more: then
 * nothing was changed, and nothing may be reported. A job that failed or was handed back under a cancel flag becomes cancelled.
 */
export async function finishJobs(
  postgres: Postgres,
  finishes: readonly { bootId: string; finish: Finish }[],
): Promise<(JobState | null)[]> {
  const sorted = finishes.toSorted(inIdOrder(({ finish }) => finish.id))
  const inputs = sorted.map(({ finish }) => toInput(finish))
  const rows = await postgres.query<{ place: number; state: JobState }>(
    `WITH input AS (
       SELECT place::integer, boot_id, id, fence, result, usage::jsonb, coalesce(other->>'outcome', 'succeeded') AS outcome, coalesce(other->>'state', 'succeeded') AS next_state,
         (other->>'delay_ms')::integer AS delay_ms, other->'result_ref' AS result_ref, other->'error' AS error, other->>'reason' AS reason,
         other->>'next_tier' AS next_tier, (other->>'next_memory_mb')::integer AS next_memory_mb
       -- What all have stands in arrays and lines: JSON takes Postgres several times as long to read. In subselects for the reason that the claim tells.
       FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::bigint[]), string_to_array($4, E'\\n', ''), string_to_array($5, E'\\n', ''), string_to_array($6, E'\\n', ''))
         WITH ORDINALITY AS ends(boot_id, id, fence, result, usage, text, place), LATERAL (SELECT text::jsonb AS other OFFSET 0) AS others
     ), moved AS (
       UPDATE jobs SET
         state = CASE WHEN ${isCancelled} THEN 'cancelled' ELSE next_state END,
         failures = failures + (outcome = 'failed')::integer,
         hand_backs = hand_backs + (outcome = 'handed-back')::integer,
         due_at = CASE WHEN ${isPending} THEN now() + delay_ms * interval '1 millisecond' ELSE due_at END,
         ready = coalesce(delay_ms, 0) = 0,
         tier = CASE WHEN ${isPending} THEN coalesce(next_tier, tier) ELSE tier END,
         memory_mb = CASE WHEN ${isPending} THEN coalesce(next_memory_mb, memory_mb) ELSE memory_mb END,
         result = input.result::json,
         result_ref = input.result_ref,
         error = CASE WHEN ${isCancelled} THEN jsonb_build_object('code', 'CANCELLED', 'message', 'Cancelled on request.', 'attempt', attempt)
                      WHEN outcome = 'handed-back' AND ${isPending} THEN jobs.error
                      ELSE input.error END,
         usage = input.usage,
         progress = CASE WHEN next_state = 'succeeded' AND progress IS NOT NULL THEN 100 ELSE progress END,
         boot_id = NULL,
         cancel_requested_at = CASE WHEN ${isPending} THEN NULL ELSE cancel_requested_at END,
         finished_at = CASE WHEN ${isPending} THEN NULL ELSE now() END,
         event_seq = event_seq + 1
       FROM input
       WHERE jobs.id = input.id AND jobs.state ${byIdOnly} = 'running' AND jobs.fence = input.fence AND jobs.boot_id = input.boot_id
       RETURNING place, jobs.id, jobs.fence, jobs.state, jobs.attempt, jobs.event_seq, jobs.node_id, jobs.started_at, jobs.usage, input.boot_id, outcome, input.error AS attempt_error, reason
     ), attempt_rows AS (
       INSERT INTO attempts (job_id, attempt, fence, node_id, boot_id, outcome, error, usage, started_at)
       SELECT id, attempt, fence, node_id, boot_id, CASE WHEN state = 'cancelled' THEN 'cancelled' ELSE outcome END, attempt_error, usage, started_at FROM moved
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence, reason)
       SELECT id, event_seq, state, attempt, node_id, fence, reason FROM moved
     )
     SELECT place, state FROM moved`,
    [
      sorted.map(({ bootId }) => bootId),
      sorted.map(({ finish }) => finish.id),
      sorted.map(({ finish }) => finish.fence),
      toLines(inputs.map(({ result }) => result)),
      toLines(sorted.map(({ finish }) => finish.usage ?? undefined)),
      toLines(inputs.map(({ other }) => other)),
    ],
    'finish-jobs',
  )
  const states = new Map(rows.map(({ place, state }) => [sorted[place - 1], state]))
  return finishes.map((finish) => states.get(finish) ?? null)
}

/** Values as JSON, one a line, which JSON itself has none of (RFC 8259, section 7); an empty one for undefined. */
const toLines = (values: readonly unknown[]): string =>
  values.map((value) => (value === undefined ? '' : JSON.stringify(value))).join('\n')

/** As the statement reads it. `other` is undefined for a success with its result in the row. */
function toInput(finish: Finish): { result?: Json; other?: object } {
  const { outcome } = finish
  if (outcome === 'succeeded')
    return { result: finish.result, ...(finish.resultRef && { other: { result_ref: finish.resultRef } }) }
  const { error, next, reason = error.code } = finish
  if (next.state === 'failed') return { other: { outcome, state: 'failed', error, reason } }
  const { delayMs, escalation } = next
  return {
    other: {
      ...{ outcome, state: 'pending', delay_ms: delayMs, error, reason },
      ...{ next_tier: escalation?.tier, next_memory_mb: escalation?.memoryMb },
    },
  }
}
