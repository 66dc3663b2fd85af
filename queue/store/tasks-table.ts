import type { TaskOffer } from '../domain/node.ts'
import type { Postgres } from './postgres.ts'

export type TasksTable = ReturnType<typeof openTasksTable>

/** Every task that a node has offered, as the newest registration told. */
export function openTasksTable(postgres: Postgres) {
  return {
    async remember(offers: readonly TaskOffer[]): Promise<void> {
      if (offers.length === 0) return
      await postgres.query(
        `INSERT INTO tasks (name, offer) SELECT name, offer FROM unnest($1::text[], $2::jsonb[]) AS t(name, offer) ORDER BY name
         ON CONFLICT (name) DO UPDATE SET offer = excluded.offer, offered_at = now()`,
        [offers.map(({ name }) => name), offers.map((offer) => JSON.stringify(offer))],
      )
    },

    async list(): Promise<TaskOffer[]> {
      const rows = await postgres.query<{ offer: TaskOffer }>(`SELECT offer FROM tasks ORDER BY name`)
      return rows.map(({ offer }) => offer)
    },
  }
}
