import type { ClaimedJob } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { claimedColumns, type ClaimedRow, formatVersion, toClaimedJob } from './claim.ts'

interface Room {
  cpus: number
  memoryMb: number
}

/** Postgres' real is not exact. */
const slackCpus = 0.001

/**
 * T13: while Redis is away, a node takes jobs of its tiers straight from Postgres: those that were dispatched first, then those that are ready; each by
 * priority, then age, as far as they fit together into what is free. Suspects wait for Redis: they must run alone (domain/job-state.ts). Under the guards of T2 and T3, in one statement, with the events of both. Nodes that take at once get different rows.
 */
export async function takeJobs(
  postgres: Postgres,
  input: {
    bootId: string
    tiers: readonly string[]
    tasks: readonly string[]
    free: Room & { slots: number; gpus: number }
    /** What a job holds that asks for no cores or memory. */
    share: Room
    suspectFrom: number
  },
): Promise<ClaimedJob[]> {
  const { free, share } = input
  const rows = await postgres.query<ClaimedRow & { id: string }>(
    `WITH node AS (
       SELECT id, boot_id FROM nodes WHERE boot_id = $1 AND state = 'ready' FOR KEY SHARE
     ), queued AS MATERIALIZED (
       SELECT id, priority, cpu, memory_mb, gpu FROM jobs
       WHERE tier = ANY($2::text[]) AND state = 'queued' AND task = ANY($3::text[]) AND format_version <= $5 AND crashes < $6::integer
         AND cpu <= $7::float8 AND memory_mb <= $8::integer AND gpu <= $9::float8
         AND (expires_at IS NULL OR expires_at > now()) AND EXISTS (SELECT FROM node)
       ORDER BY priority DESC, id LIMIT $4 FOR UPDATE SKIP LOCKED
     ), pending AS MATERIALIZED (
       SELECT id, priority, cpu, memory_mb, gpu FROM jobs
       WHERE tier = ANY($2::text[]) AND state = 'pending' AND ready AND task = ANY($3::text[]) AND format_version <= $5 AND crashes < $6::integer
         AND cpu <= $7::float8 AND memory_mb <= $8::integer AND gpu <= $9::float8
         AND (expires_at IS NULL OR expires_at > now()) AND EXISTS (SELECT FROM node)
       ORDER BY priority DESC, id LIMIT $4 - (SELECT count(*) FROM queued) FOR UPDATE SKIP LOCKED
     ), candidates AS (
       SELECT *, 1 AS events FROM queued UNION ALL SELECT *, 2 FROM pending
     ), sums AS (
       SELECT id, events,
              sum(CASE WHEN cpu > 0 THEN cpu::float8 ELSE $10::float8 END) OVER upto AS cpus,
              sum(CASE WHEN memory_mb > 0 THEN memory_mb ELSE $11::integer END) OVER upto AS memory_mb,
              sum(ceil(gpu)) OVER upto AS gpus
       FROM candidates WINDOW upto AS (ORDER BY events, priority DESC, id)
     ), chosen AS (
       SELECT id, events FROM sums WHERE cpus <= $7::float8 AND memory_mb <= $8::integer AND gpus <= $9::float8
     ), claimed AS (
       UPDATE jobs SET state = 'running', fence = greatest(jobs.fence, platform.epoch * 4294967296::bigint) + 1, boot_id = node.boot_id, node_id = node.id,
         attempt = jobs.attempt + 1, started_at = now(), progress = NULL, progress_note = NULL,
         dispatch_seq = jobs.dispatch_seq + chosen.events - 1, event_seq = jobs.event_seq + chosen.events
       FROM chosen, node, platform WHERE jobs.id = chosen.id
       RETURNING jobs.id, ${claimedColumns}, jobs.event_seq, jobs.node_id, chosen.events
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence)
       SELECT id, event_seq - 1, 'queued', NULL, NULL, NULL FROM claimed WHERE events = 2
       UNION ALL SELECT id, event_seq, 'running', attempt, node_id, fence FROM claimed
     )
     SELECT * FROM claimed`,
    [
      ...[input.bootId, input.tiers, input.tasks, free.slots, formatVersion, input.suspectFrom],
      ...[free.cpus + slackCpus, free.memoryMb, free.gpus, share.cpus, share.memoryMb],
    ],
    'take-jobs',
  )
  return rows.map((row) => toClaimedJob(row.id, row))
}
