import { afterCrash, type JobState } from '../../domain/job-state.ts'
import type { Postgres } from '../postgres.ts'

export interface ReapReport {
  nodes: string[]
  jobs: { id: string; state: JobState }[]
  /** True in the first lease after a gap, in which nodes must get the chance to renew. */
  isHeld: boolean
}

/**
 * T7: gives up nodes whose lease ran out and takes back what they held, both in one transaction. Any process may do it; nodes that another reaper
 * holds are passed over. After a gap it holds back for a lease and the grace: Postgres was started, is another than before (store/epoch.ts), or could not
 * be reached, as the last tick that it remembers or the reaper's own clock (`sinceLastMs`) tells. A gap is what a node may not outlive that renewed a
 * third of its lease before it and tries again a third after it.
 */
export async function reapDeadNodes(
  postgres: Postgres,
  options: { leaseMs: number; graceMs: number; crashLimit: number; sinceLastMs: number },
): Promise<ReapReport> {
  return postgres.transaction(async (query) => {
    const held = await query<{ is_held: boolean }>(
      `UPDATE platform SET
         reaper_held_until = CASE
           WHEN reaper_seen_at IS NULL OR reaper_seen_at < now() - $2 * interval '1 millisecond' OR $3::float8 > $2::float8 OR reaper_seen_at < pg_postmaster_start_time()
           THEN now() + $1 * interval '1 millisecond' ELSE reaper_held_until END,
         reaper_seen_at = now()
       RETURNING reaper_held_until > now() AS is_held`,
      [options.leaseMs + options.graceMs, options.leaseMs / 3 + options.graceMs, options.sinceLastMs],
    )
    if (held[0]?.is_held) return { nodes: [], jobs: [], isHeld: true }

    const dead = await query<{ boot_id: string; id: string }>(
      `WITH lost AS (
         SELECT boot_id FROM nodes WHERE state IN ('ready', 'draining') AND lease_expires_at < now() - $1 * interval '1 millisecond' FOR UPDATE SKIP LOCKED
       )
       UPDATE nodes SET state = 'dead' FROM lost WHERE nodes.boot_id = lost.boot_id RETURNING nodes.boot_id, nodes.id`,
      [options.graceMs],
    )
    const orphans = await query<{ id: string; crashes: number }>(
      `SELECT id, crashes FROM jobs
       WHERE state = 'running' AND NOT EXISTS (SELECT FROM nodes WHERE nodes.boot_id = jobs.boot_id AND nodes.state IN ('ready', 'draining'))
       ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED`,
    )
    if (orphans.length === 0) return { nodes: dead.map((node) => node.id), jobs: [], isHeld: false }

    const jobs = await query<{ id: string; state: JobState }>(
      `WITH input AS (
         SELECT * FROM unnest($1::uuid[], $2::text[]) AS t(id, state)
       ), before AS (
         SELECT jobs.id, node_id, boot_id, fence, attempt, started_at FROM jobs JOIN input ON input.id = jobs.id
       ), moved AS (
         UPDATE jobs SET
           state = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE input.state END,
           crashes = crashes + 1, due_at = now(), ready = true, boot_id = NULL, cancel_requested_at = NULL,
           error = CASE WHEN cancel_requested_at IS NOT NULL THEN jsonb_build_object('code', 'CANCELLED', 'message', 'Cancelled on request; its node died.', 'attempt', attempt)
                        WHEN input.state = 'failed' THEN jsonb_build_object('code', 'WORKER_LOST', 'message', 'Its node died under it too often.', 'attempt', attempt)
                        ELSE error END,
           finished_at = CASE WHEN cancel_requested_at IS NOT NULL OR input.state = 'failed' THEN now() END,
           event_seq = event_seq + 1
         FROM input WHERE jobs.id = input.id
         RETURNING jobs.id, jobs.state, event_seq
       ), attempt_rows AS (
         INSERT INTO attempts (job_id, attempt, fence, node_id, boot_id, outcome, error, started_at)
         SELECT id, attempt, fence, node_id, boot_id, 'worker-lost', '{"code": "WORKER_LOST", "message": "Its node died."}', started_at FROM before
       ), event_rows AS (
         INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence, reason)
         SELECT moved.id, event_seq, moved.state, attempt, node_id, fence, CASE WHEN moved.state = 'cancelled' THEN 'cancelled: its node died' ELSE 'worker-lost' END FROM moved JOIN before ON before.id = moved.id
       )
       SELECT id, state FROM moved`,
      [orphans.map((job) => job.id), orphans.map((job) => afterCrash(job, options.crashLimit).state)],
    )
    return { nodes: dead.map((node) => node.id), jobs, isHeld: false }
  })
}
