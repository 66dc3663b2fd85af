import {
  type Node,
  type NodeRegistration,
  type NodeReport,
  type NodeState,
  nothingToReport,
  type TaskOffer,
} from '../domain/node.ts'
import { formatVersion } from './jobs/claim.ts'
import type { Postgres } from './postgres.ts'
import { rememberTasks } from './tasks-table.ts'

interface NodeRow {
  id: string
  boot_id: string
  tiers: string[]
  cpus: number
  memory_mb: number
  gpus: number
  concurrency: number
  version: string
  tasks: TaskOffer[]
  reads_format: number
  state: NodeState
  running: number
  started_at: Date
  last_seen_at: Date
  drained_at: Date | null
  is_recallable: boolean
  cpu_use: number | null
  memory_use: number | null
  gpu_use: number | null
}

/** A row that a boot holds as running, as the renewal reports it. */
export interface HeldJob {
  id: string
  fence: number
  handBacks: number
  isCancelRequested: boolean
}

/** What a renewal answers; null when the boot was given up: the process must kill its children and register anew. */
export type Renewal = { state: NodeState; held: HeldJob[] } | null

const columns = `id, boot_id, tiers, cpus, memory_mb, gpus, concurrency, version, tasks, reads_format, state, started_at, last_seen_at,
  drained_at, is_recallable, cpu_use, memory_use, gpu_use,
  (SELECT count(*) FROM jobs WHERE jobs.boot_id = nodes.boot_id AND jobs.state = 'running') AS running`

export type NodesTable = ReturnType<typeof openNodesTable>

export function openNodesTable(postgres: Postgres) {
  return {
    /**
     * Registers a boot. An earlier boot of the same node id that is still called live is given up, if its lease has run out; else the new one is
     * refused (false): two processes must not answer to one name.
     */
    async register(node: NodeRegistration, leaseMs: number): Promise<boolean> {
      return postgres.transaction(async (query) => {
        await query(
          `UPDATE nodes SET state = 'dead' WHERE id = $1 AND state IN ('ready', 'draining') AND lease_expires_at < now()`,
          [node.id],
        )
        const rows = await query(
          `INSERT INTO nodes (id, boot_id, tiers, cpus, memory_mb, gpus, concurrency, version, tasks, reads_format, state, lease_expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, 'ready', now() + $10 * interval '1 millisecond')
           ON CONFLICT DO NOTHING RETURNING boot_id`,
          [
            node.id,
            node.bootId,
            node.tiers,
            node.cpus,
            node.memoryMb,
            node.gpus,
            node.concurrency,
            node.version,
            JSON.stringify(node.tasks),
            leaseMs,
            formatVersion,
          ],
        )
        if (rows.length === 1) await rememberTasks(query, node.tasks)
        return rows.length === 1
      })
    },

    /** Renews the lease of a boot, notes what it tells of itself, and answers with the rows that it holds. */
    async renew(
      bootId: string,
      leaseMs: number,
      { isDrained, use }: NodeReport = nothingToReport,
    ): Promise<Renewal> {
      const rows = await postgres.query<{
        state: NodeState
        held: { id: string; fence: number; hand_backs: number; is_cancel_requested: boolean }[]
      }>(
        `WITH renewed AS (
           UPDATE nodes SET lease_expires_at = now() + $2 * interval '1 millisecond', last_seen_at = now(),
             -- Called back, it may say once more that it has drained, before it hears of that; twice, and it does not take jobs again.
             state = CASE WHEN $3 AND drained_at IS NOT NULL THEN 'draining' ELSE state END,
             drained_at = CASE WHEN $3 THEN coalesce(drained_at, now()) END, cpu_use = $4, memory_use = $5, gpu_use = $6
           WHERE boot_id = $1 AND state IN ('ready', 'draining') RETURNING boot_id, state
         )
         SELECT state, coalesce((
           SELECT json_agg(json_build_object('id', id, 'fence', fence, 'hand_backs', hand_backs, 'is_cancel_requested', cancel_requested_at IS NOT NULL))
           FROM jobs WHERE jobs.boot_id = renewed.boot_id AND jobs.state = 'running'), '[]') AS held
         FROM renewed`,
        [bootId, leaseMs, isDrained, use.cpu, use.memory, use.gpu],
      )
      const row = rows[0]
      if (!row) return null
      return {
        state: row.state,
        held: row.held.map((job) => ({
          id: job.id,
          fence: job.fence,
          handBacks: job.hand_backs,
          isCancelRequested: job.is_cancel_requested,
        })),
      }
    },

    /** The boot says that it is gone, holding nothing. */
    async sayGoodbye(bootId: string): Promise<void> {
      await postgres.query(
        `UPDATE nodes SET state = 'stopped', last_seen_at = now() WHERE boot_id = $1 AND state IN ('ready', 'draining')`,
        [bootId],
      )
    },

    /**
     * Tells a live node to take no more jobs; false when there is no such live node. A drain that may be taken back changes nothing about one that may not, which was
     * asked for before; the other way round it does.
     */
    async drain(
      id: string,
      { isRecallable }: { isRecallable: boolean } = { isRecallable: false },
    ): Promise<boolean> {
      const rows = await postgres.query(
        `UPDATE nodes SET is_recallable = $2 AND (state = 'ready' OR is_recallable),
           drained_at = CASE WHEN state = 'draining' THEN drained_at END, state = 'draining'
         WHERE id = $1 AND state IN ('ready', 'draining') RETURNING id`,
        [id, isRecallable],
      )
      return rows.length > 0
    },

    /** Has a node that drains take jobs again; false for one that has drained, has ended, or drains for somebody else. */
    async recall(id: string): Promise<boolean> {
      const rows = await postgres.query(
        `UPDATE nodes SET state = 'ready', is_recallable = false
         WHERE id = $1 AND state = 'draining' AND is_recallable AND drained_at IS NULL RETURNING id`,
        [id],
      )
      return rows.length > 0
    },

    /** Live nodes, and those that ended in the last hour; newest first, those after the boot id `before`. */
    async list(page: { limit: number; before?: string | undefined }): Promise<Node[]> {
      const rows = await postgres.query<NodeRow>(
        `SELECT ${columns} FROM nodes
         WHERE (state IN ('ready', 'draining') OR last_seen_at > now() - interval '1 hour') AND ($2::uuid IS NULL OR boot_id < $2)
         ORDER BY boot_id DESC LIMIT $1`,
        [page.limit, page.before ?? null],
      )
      return rows.map(toNode)
    },

    async listLive(): Promise<Node[]> {
      const rows = await postgres.query<NodeRow>(
        `SELECT ${columns} FROM nodes WHERE state IN ('ready', 'draining') AND lease_expires_at > now() ORDER BY boot_id`,
      )
      return rows.map(toNode)
    },

    /** The newest live boot of a node id. */
    async findLive(id: string): Promise<Node | null> {
      const rows = await postgres.query<NodeRow>(
        `SELECT ${columns} FROM nodes WHERE id = $1 AND state IN ('ready', 'draining')`,
        [id],
      )
      return rows[0] ? toNode(rows[0]) : null
    },

    /** A boot that was not given up. */
    async findBoot(bootId: string): Promise<Node | null> {
      const rows = await postgres.query<NodeRow>(
        `SELECT ${columns} FROM nodes WHERE boot_id = $1 AND state IN ('ready', 'draining')`,
        [bootId],
      )
      return rows[0] ? toNode(rows[0]) : null
    },

    /** The node id of a boot, live or not; null for one that is not known any more. */
    async findNodeId(bootId: string): Promise<string | null> {
      const rows = await postgres.query<{ id: string }>(`SELECT id FROM nodes WHERE boot_id = $1`, [bootId])
      return rows[0]?.id ?? null
    },

    /** Forgets boots that ended more than a week ago. */
    async prune(): Promise<void> {
      await postgres.query(
        `DELETE FROM nodes WHERE state IN ('stopped', 'dead') AND last_seen_at < now() - interval '7 days'`,
      )
    },
  }
}

function toNode(row: NodeRow): Node {
  return {
    id: row.id,
    bootId: row.boot_id,
    tiers: row.tiers,
    cpus: row.cpus,
    memoryMb: row.memory_mb,
    gpus: row.gpus,
    concurrency: row.concurrency,
    version: row.version,
    tasks: row.tasks,
    readsFormat: row.reads_format,
    state: row.state,
    running: row.running,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    drainedAt: row.drained_at,
    isRecallable: row.is_recallable,
    use: { cpu: row.cpu_use, memory: row.memory_use, gpu: row.gpu_use },
  }
}
