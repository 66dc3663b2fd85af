import type { ScalingPolicyFields } from '../../core/options/scaling-options.ts'
import type { Postgres } from './postgres.ts'

/** The last decision about a tier. */
export interface ScalingState {
  tier: string
  /** What was changed of the configured policy. */
  policy: ScalingPolicyFields
  decidedAt: Date | null
  /** How long ago that was; null before the first decision. */
  ageMs: number | null
  desired: number | null
  starting: number
  reason: string | null
  inputs: Record<string, unknown> | null
}

export interface ScalingDecision {
  id: string
  tier: string
  at: Date
  mode: string
  from: number
  to: number
  reason: string
  inputs: Record<string, unknown>
}

export type ScalingTable = ReturnType<typeof openScalingTable>

const stateColumns = `tier, policy, decided_at AS "decidedAt", desired, starting, reason, inputs,
  (extract(epoch FROM now() - decided_at) * 1000)::float8 AS "ageMs"`

/** What the autoscaler was told and has decided. What a leader writes it writes under its term: one that was frozen changes nothing. */
export function openScalingTable(postgres: Postgres) {
  return {
    /** With `maxAgeMs` those only that were decided since. */
    async listStates(maxAgeMs?: number): Promise<ScalingState[]> {
      return postgres.query<ScalingState>(
        `SELECT ${stateColumns} FROM scaling WHERE $1::float8 IS NULL OR decided_at > now() - $1 * interval '1 millisecond'`,
        [maxAgeMs ?? null],
        'list-scaling',
      )
    },

    async findState(tier: string): Promise<ScalingState | null> {
      const rows = await postgres.query<ScalingState>(`SELECT ${stateColumns} FROM scaling WHERE tier = $1`, [
        tier,
      ])
      return rows[0] ?? null
    },

    /** Sets fields of a tier's policy; null gives one its configured value back. Answers with all that differs now. */
    async changePolicy(
      tier: string,
      changes: Readonly<Record<string, unknown>>,
    ): Promise<ScalingPolicyFields> {
      const rows = await postgres.query<{ policy: ScalingPolicyFields }>(
        `INSERT INTO scaling (tier, policy) VALUES ($1, jsonb_strip_nulls($2))
         ON CONFLICT (tier) DO UPDATE SET policy = jsonb_strip_nulls(scaling.policy || $2) RETURNING policy`,
        [tier, JSON.stringify(changes)],
      )
      return rows[0]?.policy ?? {}
    },

    /** Keeps what was decided now; false when a leader of a later term has decided. `history` is kept with it when there is one. */
    async recordDecision(
      term: number,
      decision: Omit<ScalingDecision, 'at' | 'from' | 'to'> & {
        desired: number
        starting: number
        history?: unknown
      },
    ): Promise<boolean> {
      const rows = await postgres.query(
        `WITH former AS MATERIALIZED (
           SELECT desired FROM scaling WHERE tier = $1 FOR UPDATE
         ), kept AS (
           INSERT INTO scaling AS known (tier, term, decided_at, desired, starting, reason, inputs, history)
           -- Read before it is written: a row that its own statement has changed is not there for a later part.
           SELECT $1, $2, now(), $3::integer, $4::integer, $5, $6::jsonb, $7::jsonb FROM (SELECT count(*) FROM former) AS read
           ON CONFLICT (tier) DO UPDATE SET term = $2, decided_at = now(), desired = $3, starting = $4, reason = $5, inputs = $6,
             history = coalesce($7, known.history)
           WHERE known.term <= $2
           RETURNING tier
         ), changed AS (
           INSERT INTO scaling_decisions (id, tier, mode, from_nodes, to_nodes, reason, inputs)
           SELECT $8, kept.tier, $9, coalesce(former.desired, $3), $3, $5, $6 FROM kept LEFT JOIN former ON true
           WHERE former.desired IS DISTINCT FROM $3
         )
         SELECT FROM kept`,
        [
          ...[decision.tier, term, decision.desired, decision.starting, decision.reason],
          JSON.stringify(decision.inputs),
          decision.history === undefined ? null : JSON.stringify(decision.history),
          ...[decision.id, decision.mode],
        ],
        'record-scaling',
      )
      return rows.length > 0
    },

    /** What was learnt of each tier. */
    async readHistories(): Promise<Map<string, unknown>> {
      const rows = await postgres.query<{ tier: string; history: unknown }>(
        'SELECT tier, history FROM scaling WHERE history IS NOT NULL',
      )
      return new Map(rows.map(({ tier, history }) => [tier, history]))
    },

    /** Changes of a tier's size, newest first, those before the id `before`. */
    async listDecisions(
      tier: string,
      page: { limit: number; before?: string | undefined },
    ): Promise<ScalingDecision[]> {
      return postgres.query<ScalingDecision>(
        `SELECT id, tier, at, mode, from_nodes AS "from", to_nodes AS "to", reason, inputs FROM scaling_decisions
         WHERE tier = $1 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $2`,
        [tier, page.limit, page.before ?? null],
      )
    },

    /** The same as numbers alone, the newest `limit` of them. */
    async listSizes(tier: string, limit: number): Promise<Pick<ScalingDecision, 'at' | 'from' | 'to'>[]> {
      return postgres.query(
        'SELECT at, from_nodes AS "from", to_nodes AS "to" FROM scaling_decisions WHERE tier = $1 ORDER BY id DESC LIMIT $2',
        [tier, limit],
      )
    },

    /** Answers with what the start is called. */
    async noteStart(tier: string): Promise<string> {
      const [row] = await postgres.query<{ id: string }>(
        'INSERT INTO node_starts (tier) VALUES ($1) RETURNING id::text',
        [tier],
      )
      if (!row) throw new Error('An INSERT gave no row.')
      return row.id
    },

    /** It came to nothing: a node that comes up later answers to another. */
    async forgetStart(id: string): Promise<void> {
      await postgres.query('DELETE FROM node_starts WHERE id = $1 AND ready_at IS NULL', [id])
    },

    /** Of a tier's starts that no node has answered to, the newest `kept` stay. */
    async forgetStarts(tier: string, kept: number): Promise<void> {
      await postgres.query(
        `DELETE FROM node_starts WHERE id IN (
           SELECT id FROM node_starts WHERE tier = $1 AND ready_at IS NULL ORDER BY id DESC OFFSET $2)`,
        [tier, kept],
      )
    },

    /** A node of ours is up: it answers to the start that has waited the longest. Twice is harmless. */
    async noteReady(tier: string, nodeId: string, readyAt: Date): Promise<void> {
      await postgres.query(
        `UPDATE node_starts SET node_id = $2, ready_at = $3 WHERE id = (
           SELECT id FROM node_starts
           WHERE tier = $1 AND ready_at IS NULL AND asked_at <= $3 AND asked_at > $3 - interval '1 hour'
             AND NOT EXISTS (SELECT FROM node_starts WHERE node_id = $2)
           ORDER BY id LIMIT 1)`,
        [tier, nodeId, readyAt],
      )
    },

    /** By tier, how long nodes take from when they are asked for until they take jobs, in s: what nine of ten of the last 20 did not exceed. */
    async readColdStarts(): Promise<Map<string, number>> {
      const rows = await postgres.query<{ tier: string; seconds: number }>(
        `SELECT tier, percentile_disc(0.9) WITHIN GROUP (ORDER BY seconds)::float8 AS seconds FROM (
           SELECT tier, extract(epoch FROM ready_at - asked_at) AS seconds, row_number() OVER (PARTITION BY tier ORDER BY id DESC) AS place
           FROM node_starts WHERE ready_at IS NOT NULL
         ) AS starts WHERE place <= 20 GROUP BY tier`,
        [],
        'read-cold-starts',
      )
      return new Map(rows.map(({ tier, seconds }) => [tier, seconds]))
    },

    async prune(days: number): Promise<void> {
      await postgres.query(
        `WITH starts AS (DELETE FROM node_starts WHERE asked_at < now() - $1 * interval '1 day')
         DELETE FROM scaling_decisions WHERE at < now() - $1 * interval '1 day'`,
        [days],
      )
    },
  }
}
