import { ApiError } from './api-client.ts'
import type { Cli } from './cli.ts'
import { oneLine } from './text.ts'

/**
 * Does the same with several ids, one after the other; one that is refused is told on stderr, makes the exit code 1, and does not keep the others back.
 * @throws what is no refusal: then the others would fare no better
 */
export async function forEach<T>(
  cli: Cli,
  ids: readonly string[],
  action: (id: string) => Promise<T>,
): Promise<T[]> {
  const results: T[] = []
  for (const id of ids) {
    try {
      results.push(await action(id))
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500 || error.status === 401) throw error
      cli.fail()
      cli.note(oneLine(`${id}: ${error.message}`))
    }
  }
  return results
}
