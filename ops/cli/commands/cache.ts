import type { Command } from 'commander'
import type { Cli } from '../cli.ts'

export function addCache(program: Command, cli: Cli): void {
  const cache = program
    .command('cache')
    .summary('forget what is cached')
    .description('The cache of results, ended jobs and users (docs/caching.md), for admins.')
  cache
    .command('clear')
    .description('Forgets what is cached under names that match, in Redis and in every process.')
    .argument('<pattern>', "task_<task>, job_<id> or user_<id>, where * stands for any text: 'task_*'")
    .action(async (pattern: string) => {
      const answer = await cli.connect().call<{ pattern: string; removed: number }>('DELETE', '/v1/cache', {
        query: { pattern },
        isRepeatable: true,
        timeoutMs: 300_000, // a large Redis is looked through step by step
      })
      cli.show(answer, () => `${String(answer.removed)} entries forgotten.`)
    })
}
