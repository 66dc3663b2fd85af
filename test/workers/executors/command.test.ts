import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { ownMark } from '../../../workers/executors/worker-mark.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aFolder, aScript } from '../a-run.ts'
import { openCommands, PATH } from './open-commands.ts'

test('a command gets its arguments and its stdin as they are, and tells stdout, stderr and exit code', async () => {
  const { run } = openCommands()
  const argv = ['sh', '-c', 'cat; printf "[%s]" "$@"; echo oops >&2', 'name', 'a b', '$HOME', '', "'"]
  const { result } = await run({ argv, stdin: 'ünï\n' })
  expect(result).toEqual({
    exitCode: 0,
    stdout: "ünï\n[a b][$HOME][][']",
    stderr: 'oops\n',
    truncated: false,
  })
})

test('a command that reads nothing of a large stdin succeeds all the same', async () => {
  const { run } = openCommands()
  expect((await run(aScript('exit 0', { stdin: 'x'.repeat(1_000_000) }))).result.exitCode).toBe(0)
})

test('an exit code other than 0 is a failure that may be tried again, with the end of stderr in its message', async () => {
  const { run } = openCommands()
  const failure = run(aScript('echo "no such file" >&2; exit 3'))
  await expect(failure).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'EXIT_CODE',
    message: 'sh ended with exit code 3: no such file',
  })
})

test('a command that dies by a signal fails and names the signal', async () => {
  const { run } = openCommands()
  await expect(run(aScript('kill -SEGV $$'))).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'SIGNAL',
    message: 'sh was ended by SIGSEGV.',
  })
})

test.each([
  ['a name that is not on the list', { argv: ['python3'] }],
  ['a path that is not on the list', { argv: ['/opt/evil/sh'] }],
  ['a relative path to an allowed program', { argv: ['../../../../../bin/sh'] }],
])('%s is refused for good', async (_, payload) => {
  const { run } = openCommands()
  const failure = run(payload)
  await expect(failure).rejects.toMatchObject({ name: 'PermanentFailure', code: 'COMMAND_NOT_ALLOWED' })
  await expect(failure).rejects.toThrow(
    `${payload.argv[0] ?? ''} is not on this node's list TASK_COMMAND_ALLOW; allowed are sh.`,
  )
})

test('an allowed program may be named by its absolute path', async () => {
  const { run } = openCommands()
  const { result } = await run({ argv: ['/usr/bin/sh', '-c', 'echo hi'] })
  expect(result.stdout).toBe('hi\n')
})

test('a script whose interpreter is missing fails for good as SPAWN_FAILED', async () => {
  const script = join(aFolder(), 'broken')
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 })
  const { run } = openCommands({ allow: [script] })
  await expect(run({ argv: ['broken'] })).rejects.toMatchObject({
    name: 'PermanentFailure',
    code: 'SPAWN_FAILED',
  })
})

test('arguments that are too long for the system fail for good as SPAWN_FAILED', async () => {
  const { run } = openCommands()
  const argv = ['sh', '-c', 'true', ...Array.from({ length: 100 }, () => 'x'.repeat(100_000))]
  await expect(run({ argv })).rejects.toMatchObject({ name: 'PermanentFailure', code: 'SPAWN_FAILED' })
})

test("a command's environment holds its marks and what the payload sets, and nothing of the worker's secrets", async () => {
  process.env['DATABASE_SECRET'] = 'hidden'
  cleanUp(() => delete process.env['DATABASE_SECRET'])
  const { run, scratch } = openCommands()
  const { result } = await run(aScript('env', { env: { GREETING: 'hello', LANG: 'fr_FR.UTF-8' } }), {
    id: '01900000-0000-7000-8000-0000000000ff',
    attempt: 2,
    fence: 9,
    gpus: [0, 2],
  })
  const env: unknown = Object.fromEntries(
    result.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('=', 2)),
  )
  expect(env).toEqual({
    PATH,
    LANG: 'fr_FR.UTF-8',
    HOME: join(scratch, '0'),
    TMPDIR: join(scratch, '0'),
    PWD: join(scratch, '0'),
    GREETING: 'hello',
    NOODLE_JOB_ID: '01900000-0000-7000-8000-0000000000ff',
    NOODLE_ATTEMPT: '2',
    NOODLE_FENCE: '9',
    NOODLE_ARTIFACTS: join(scratch, '0-artifacts'),
    NOODLE_GPUS: '0,2',
    CUDA_VISIBLE_DEVICES: '0,2',
    NOODLE_WORKER: expect.stringMatching(`^${ownMark()}-\\d+-0$`),
  })
})

test.each([
  'LD_PRELOAD',
  'NODE_OPTIONS',
  'PATH',
  'DYLD_INSERT_LIBRARIES',
  'BASH_ENV',
  'PYTHONPATH',
  'NOODLE_FENCE',
  'HOME',
  'GIT_SSH_COMMAND',
])('a payload can not set %s', async (name) => {
  const { run } = openCommands()
  const failure = run(aScript('true', { env: { [name]: '/tmp/evil' } }))
  await expect(failure).rejects.toMatchObject({ name: 'PermanentFailure', code: 'ENV_NOT_ALLOWED' })
  await expect(failure).rejects.toThrow(`The variable ${name} can't be set by a job`)
})

test('a payload that does not fit is refused for good, should it ever come here', async () => {
  const { run } = openCommands()
  await expect(run({ argv: [] })).rejects.toMatchObject({ name: 'PermanentFailure', code: 'PAYLOAD_MISFIT' })
})

test('a run begins in an empty folder of its own, which is gone afterwards, whatever happened', async () => {
  const { run, scratch } = openCommands()
  const { result } = await run(aScript('ls -A; mkdir -p a/b; echo x > a/b/c; chmod 0 a/b/c; pwd'))
  expect(result.stdout).toBe(`${join(scratch, '0')}\n`)
  await expect(run(aScript('touch left; exit 1'))).rejects.toThrow('exit code 1')
  expect(readdirSync(scratch)).toEqual([])
})

test('files are read by their absolute paths', async () => {
  const { run } = openCommands({ allow: ['wc'] })
  const { result } = await run({ argv: ['wc', '-c', import.meta.filename] })
  expect(parseInt(result.stdout)).toBe(readFileSync(import.meta.filename).length)
})

test('of a long output the last bytes are kept', async () => {
  const { run } = openCommands({ outputBytes: 1024 })
  const { result } = await run(
    aScript('i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done; echo short >&2'),
  )
  expect(result.truncated).toBe(true)
  expect(result.stdout).toHaveLength(1024)
  expect(result.stdout.endsWith('line 4998\nline 4999\n')).toBe(true)
  expect(result.stderr).toBe('short\n')
})
