import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { openTasks } from './a-tasks-folder.ts'

/** The code of a page, in the order in which it stands there, with its language. */
function examplesOf(page: string): { language: string; code: string }[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs', page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
}

test('the example of the protocol runs as it stands in docs/worker-protocol.md', async () => {
  const [manifest, program] = examplesOf('worker-protocol.md')
  const { begin } = await openTasks({
    'count.task.json': manifest?.code ?? '',
    'count.sh': program?.code ?? '',
  })
  const { ended, seen } = begin('count', { to: 4 }, { attempt: 2, lastCheckpoint: { reached: 2 } })
  expect(await ended).toEqual({ counted: 4 })
  expect(seen).toMatchObject({
    stdout: 'at 3\nat 4\n',
    progress: [
      [75, 'at 3'],
      [100, 'at 4'],
    ],
    checkpoints: [{ reached: 3 }, { reached: 4 }],
  })
})
