import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { openTasks } from './a-tasks-folder.ts'
import { isAlive, readPid } from '../a-run.ts'

/** A task that is a shell script. */
const aShellTask = (script: string, more: Record<string, unknown> = {}): Record<string, string> => ({
  'shell.task.json': JSON.stringify({ name: 'shell', run: ['sh', './shell.sh'], ...more }),
  'shell.sh': script,
})

test('a program in any language tells progress, log lines, checkpoints and its result by lines of JSON', async () => {
  const { begin, tasks, scratchLeft } = await openTasks(
    aShellTask(
      `read -r start <&4
       echo '{"type":"progress","percent":40,"note":"warm"}' >&3
       echo '{"type":"log","level":"warn","message":"careful"}' >&3
       echo '{"type":"checkpoint","value":{"at":4},"seq":1}' >&3
       read -r stored <&4
       echo "printed"; echo "complained" >&2
       printf '{"type":"result","value":{"start":%s,"stored":%s}}' "$start" "$stored" >&3`,
      { version: 2, description: 'Says what it heard.', input: { type: 'object' } },
    ),
  )
  expect(tasks[0]?.offer).toMatchObject({
    name: 'shell',
    version: '2',
    kind: 'program',
    payloadSchema: { type: 'object' },
  })
  const { ended, seen } = begin('shell', { a: 'ü' }, { attempt: 2, lastCheckpoint: { at: 3 } })
  expect(await ended).toEqual({
    stored: { type: 'stored', seq: 1 },
    start: {
      type: 'start',
      protocol: 1,
      id: '01900000-0000-7000-8000-0000000000aa',
      task: 'shell',
      attempt: 2,
      fence: 7,
      input: { a: 'ü' },
      lastCheckpoint: { at: 3 },
      gpus: [],
      scratch: expect.any(String),
      artifacts: expect.any(String),
      timeoutMs: 60_000,
    },
  })
  expect(seen).toMatchObject({
    progress: [[40, 'warm']],
    checkpoints: [{ at: 4 }],
    log: ['warn: careful'],
    stdout: 'printed\n',
    stderr: 'complained\n',
    usage: { cpuMs: expect.any(Number) },
  })
  expect(scratchLeft()).toEqual([])
})

test('lines that make no sense are told and left out; those that follow count', async () => {
  const { begin } = await openTasks(
    aShellTask(`
      echo 'no json' >&3; echo '[1]' >&3; echo '{"type":"dance"}' >&3; echo '{"type":"progress","percent":"half"}' >&3
      printf '{"type":"log","message":"%09000d"}\\n' 0 >&3
      printf '\\n\\n{"type":"progress","percent":5}\\n{"type":"result"' >&3; sleep 0.05; echo ',"value":[1]}' >&3`),
    { lineBytes: 8192 },
  )
  const { ended, seen } = begin('shell')
  expect(await ended).toEqual([1])
  expect(seen.progress).toEqual([[5, undefined]])
  expect(seen.log.map((line) => line.slice(0, 150))).toEqual([
    'A line of the task makes no sense and is left out, for it is no JSON: no json',
    expect.stringContaining('expected object, received array: [1]'),
    expect.stringContaining('has no type that is known: {"type":"dance"}'),
    expect.stringContaining('percent'),
    expect.stringContaining('is longer than 8192 bytes'),
  ])
})

test('a result that is longer than a line may be fails for good', async () => {
  const { begin } = await openTasks(
    aShellTask(`printf '{"type":"result","value":"%09000d"}\\n' 0 >&3; sleep 60`),
    { lineBytes: 8192 },
  )
  await expect(begin('shell').ended).rejects.toMatchObject({
    code: 'RESULT_TOO_LARGE',
    name: 'PermanentFailure',
  })
})

test.each([
  ['kill -SEGV $$', 'SIGNAL', 'The process of the task shell was ended by SIGSEGV.'],
  ['echo oops >&2; exit 3', 'EXIT_CODE', 'The process of the task shell ended with exit code 3: oops'],
  ['exit 0', 'EXIT_CODE', 'The process of the task shell ended with exit code 0 before it told a result.'],
  [`echo '{"type":"error","message":"no such tune"}' >&3`, 'TASK_ERROR', 'no such tune'],
])('a process that ends so is a failed attempt: %s', async (script, code, message) => {
  const { begin } = await openTasks(aShellTask(script))
  await expect(begin('shell').ended).rejects.toMatchObject({ code, message, name: 'TaskFailure' })
})

test('a result that does not fit the output that the task has declared fails for good, each wrong field named', async () => {
  const { begin } = await openTasks(
    aShellTask(
      'read -r start <&4; echo "$start" | sed \'s/.*"input"/{"type":"result","value"/; s/,"lastCheckpoint".*/}/\' >&3',
      {
        output: {
          type: 'object',
          properties: { lines: { type: 'array', items: { type: 'integer' } } },
          required: ['lines'],
        },
      },
    ),
  )
  expect(await begin('shell', { lines: [1] }).ended).toEqual({ lines: [1] })
  await expect(begin('shell', { lines: [1, 'two'] }).ended).rejects.toMatchObject({
    code: 'RESULT_INVALID',
    name: 'PermanentFailure',
    message: 'The result does not fit: result.lines.1 must be integer.',
  })
})

test('an error that is called permanent is the last one', async () => {
  const { begin } = await openTasks(
    aShellTask(`echo '{"type":"error","message":"never","permanent":true}' >&3`),
  )
  await expect(begin('shell').ended).rejects.toMatchObject({ message: 'never', name: 'PermanentFailure' })
})

test('a task that tells nothing for its silenceMs has failed, and its process is gone', async () => {
  const { begin, folder } = await openTasks(
    aShellTask('echo $$ > "$NOODLE_TASK_FOLDER/pid"; sleep 300', { defaults: { silenceMs: 300 } }),
  )
  await expect(begin('shell').ended).rejects.toMatchObject({ code: 'SILENT' })
  expect(isAlive(await readPid(join(folder, 'pid')))).toBe(false)
})

test('a task is told why it must end before its processes hear SIGTERM', async () => {
  const { begin, folder } = await openTasks(
    aShellTask(
      'trap "" TERM; read -r start <&4; echo $$ > "$NOODLE_TASK_FOLDER/pid"; read -r why <&4; echo "heard $why"',
    ),
  )
  const { ended, seen, stop } = begin('shell')
  await readPid(join(folder, 'pid'))
  stop({ reason: 'cancelled', killGraceMs: 5000 })
  await expect(ended).rejects.toBeDefined()
  expect(seen.stdout).toBe('heard {"type":"cancel","reason":"cancelled","graceMs":5000}\n')
})

test('files that are no tasks are told and left out, and the others run', async () => {
  const { begin, tasks, told } = await openTasks({
    ...aShellTask(`echo '{"type":"result","value":1}' >&3`),
    'broken.task.json': '{"name":',
    'named.task.json': '{"name": "two words", "run": ["sh"]}',
    'missing.task.json': '{"name": "missing", "run": ["no-such-program"]}',
    'taken.task.json': '{"name": "echo", "run": ["sh"]}',
    'wrong.task.mjs': 'export default 5',
    'typo.task.mjs': 'export default {',
    'hidden.json': '{}',
  })
  expect(tasks.map(({ offer }) => offer.name)).toEqual(['shell'])
  expect(told).toHaveLength(6)
  expect(told.join('\n')).toMatch(/no-such-program[^]*task of Noodle itself[^]*/)
  expect(await begin('shell').ended).toBe(1)
})

test('a program that is a file of its own is run as such', async () => {
  const { begin, folder } = await openTasks({
    'own.task.json': JSON.stringify({ name: 'own', run: ['./own', 'word'] }),
    own: `#!/bin/sh\nprintf '{"type":"result","value":"%s"}' "$1" >&3`,
  })
  writeFileSync(join(folder, 'other'), '')
  chmodSync(join(folder, 'own'), 0o755)
  expect(await begin('own').ended).toBe('word')
})
