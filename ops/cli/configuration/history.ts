import { silentLogger } from '../../../core/logger.ts'
import type { ConfigHistoryTable } from '../../../queue/store/config-history-table.ts'
import { CliError } from '../cli-error.ts'
import { requireDatabaseUrl } from '../stores.ts'

/** Reads the history from the database of DATABASE_URL, which the gateway need not be up for. @throws CliError */
export async function withConfigHistory<T>(read: (history: ConfigHistoryTable) => Promise<T>): Promise<T> {
  const databaseUrl = requireDatabaseUrl()
  const { openPostgres } = await import('../../../queue/store/postgres.ts') // other commands need not wait for it
  const { openConfigHistoryTable } = await import('../../../queue/store/config-history-table.ts')
  const postgres = openPostgres({
    ...{ databaseUrl, poolSize: 1, statementTimeoutMs: 10_000 },
    ...{ name: 'config', log: silentLogger },
  })
  try {
    return await read(openConfigHistoryTable(postgres))
  } catch (error) {
    throw new CliError(
      `The history could not be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  } finally {
    await postgres.close()
  }
}
