import { expect, test } from '@jest/globals'
import { pythonTest } from '../../support/python-test.ts'
import { openTasks } from './a-tasks-folder.ts'

const module = (more: string) =>
  `import { defineTask } from 'noodle/task'\nexport default defineTask({ name: 'm', ${more} run: () => 1 })`
const manifest = (more: object) => JSON.stringify({ name: 'p', run: ['true'], ...more })

test('a module and a manifest are deterministic when they say so, and only then', async () => {
  const declared = await openTasks({
    'm.task.ts': module('deterministic: true,'),
    'p.task.json': manifest({ deterministic: true }),
  })
  expect(declared.tasks.map(({ offer }) => [offer.name, offer.deterministic])).toEqual([
    ['m', true],
    ['p', true],
  ])
  const silent = await openTasks({
    'm.task.ts': module(''),
    'p.task.json': manifest({ deterministic: false }),
  })
  for (const { offer } of silent.tasks) expect(offer).not.toHaveProperty('deterministic')
  const wrong = await openTasks({ 'p.task.json': manifest({ deterministic: 'yes' }) })
  expect(wrong.tasks).toEqual([])
})

pythonTest('so is a Python task (skipped without python3)', async () => {
  const source = (more: string) =>
    `from noodle import task\n@task(name="c"${more})\ndef run(ctx, input): return 1\n`
  const { tasks } = await openTasks({ 'c.task.py': source(', deterministic=True') })
  expect(tasks[0]?.offer.deterministic).toBe(true)
  const silent = await openTasks({ 'c.task.py': source('') })
  expect(silent.tasks[0]?.offer).not.toHaveProperty('deterministic')
})
