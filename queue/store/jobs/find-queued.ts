import type { Postgres } from '../postgres.ts'

/** Those of the ids whose job is queued. */
export async function findQueued(postgres: Postgres, ids: readonly string[]): Promise<Set<string>> {
  const rows = await postgres.query<{ id: string }>(
    `SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND state = 'queued'`,
    [ids],
  )
  return new Set(rows.map((row) => row.id))
}
