import type { Postgres } from '../postgres.ts'

/** Those of the ids that there is a job of. */
export async function findExisting(postgres: Postgres, ids: readonly string[]): Promise<Set<string>> {
  const rows = await postgres.query<{ id: string }>('SELECT id FROM jobs WHERE id = ANY($1::uuid[])', [ids])
  return new Set(rows.map((row) => row.id))
}
