import type { TaskOffer } from '../domain/node.ts'
import type { Postgres } from './postgres.ts'

export type TasksTable = ReturnType<typeof openTasksTable>

/** Every task of its own that a node has offered, as the newest registration told. */
export function openTasksTable(postgres: Postgres) {
  return {
    async list(): Promise<TaskOffer[]> {
      const rows = await postgres.query<{ offer: TaskOffer }>(`SELECT offer FROM tasks ORDER BY name`)
      return rows.map(({ offer }) => offer)
    },
  }
}

/** Within the registration of a node. Tasks that come with every worker need no memory. */
export async function rememberTasks(query: Postgres['query'], offers: readonly TaskOffer[]): Promise<void> {
  const own = offers.filter(({ kind }) => kind !== 'builtin' && kind !== 'command')
  if (own.length === 0) return
  await query(
    `INSERT INTO tasks (name, offer) SELECT name, offer FROM unnest($1::text[], $2::jsonb[]) AS t(name, offer) ORDER BY name
     ON CONFLICT (name) DO UPDATE SET offer = excluded.offer, offered_at = now()`,
    [own.map(({ name }) => name), own.map((offer) => JSON.stringify(offer))],
  )
}
