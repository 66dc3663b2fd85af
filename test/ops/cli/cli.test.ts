import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { aFolder, type CliAnswer, runCli } from '../../support/cli.ts'
import { waitFor } from '../../support/wait-for.ts'
import { adminPassword, type Platform, startPlatform } from '../../support/platform.ts'

let platform: Platform
/** What `up` leaves in NOODLE_HOME: where the gateway is, and who may log in. */
let home: string

const env = (): Record<string, string> => ({ NOODLE_HOME: home })
const cli = (...args: string[]): Promise<CliAnswer> => runCli(args, { env: env() })

/** The JSON answer of a command that must succeed. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are JSON, which the test looks into
async function json(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await cli('--json', ...args)
  if (code !== 0) throw new Error(`noodle ${args.join(' ')} ended with ${String(code)}: ${stderr}`)
  return JSON.parse(stdout)
}

beforeAll(async () => {
  platform = await startPlatform({ SECRETS_KEY: 'a key for secrets of more than thirty-two bytes' })
  await platform.startWorker({ TIER: 'small', NODE_ID: 'one', TASK_COMMAND_ALLOW: 'echo,false,cat,sh' })
  home = aFolder()
  writeFileSync(
    join(home, 'credentials.json'),
    JSON.stringify({ url: platform.url, username: 'admin', password: adminPassword }),
  )
})

test('submit --wait shows what a command printed, and fails as the job does', async () => {
  const printed = await cli('submit', '--wait', 'command', '--', 'echo', 'hello', '--world')
  expect(printed).toMatchObject({ code: 0, stdout: 'hello --world\n' })
  expect(printed.stderr).toContain('succeeded')
  const failed = await cli('submit', '--wait', '--attempts', '1', 'command', '--', 'false')
  expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining('EXIT_CODE') })
})

test('a password that was changed elsewhere is told of, also where a token of before is left', async () => {
  const NOODLE_HOME = aFolder()
  const login = { url: platform.url, username: 'admin' }
  const write = (name: string, content: object): void =>
    writeFileSync(join(NOODLE_HOME, name), JSON.stringify({ ...login, ...content }))
  write('credentials.json', { password: 'one of before' })
  write('token.json', { accessToken: 'stale', expiresAt: new Date(Date.now() + 600_000).toISOString() })
  const answer = await runCli(['tiers'], { env: { NOODLE_HOME } })
  expect(answer).toMatchObject({
    ...{ code: 1, stderr: expect.stringMatching(/^The password of admin in .* is not valid any more/) },
  })
})

test('submit takes every option of a job', async () => {
  const job = await json(
    ...[
      'submit',
      'echo',
      '{"a": [1, 2]}',
      '--priority',
      '9',
      '--timeout',
      '5m',
      '--delay',
      '2h',
      '--expires',
      '1d',
    ],
    ...['--cpu', '0.5', '--memory-mb', '64', '--attempts', '7', '--backoff', '2s', '--strategy', 'fixed'],
    ...['--label', 'team=vision', '--label', 'run=a=b'],
  )
  expect(job).toMatchObject({
    task: 'echo',
    payload: { a: [1, 2] },
    priority: 9,
    timeoutMs: 300_000,
    resources: { cpu: 0.5, memoryMb: 64 },
    retry: { maxAttempts: 7, backoffMs: 2000, strategy: 'fixed' },
    labels: { team: 'vision', run: 'a=b' },
  })
  const waitMs = Date.parse(job.timestamps.dueAt) - Date.parse(job.createdAt)
  expect(waitMs).toBe(2 * 3_600_000)
  expect((await json('cancel', job.id)).items).toMatchObject([{ state: 'cancelled' }])
})

test('a payload comes from a word, an option, a file or stdin', async () => {
  const file = join(home, 'payload.json')
  writeFileSync(file, '{"from": "file"}')
  expect(await json('submit', 'echo', `@${file}`)).toMatchObject({ payload: { from: 'file' } })
  expect(await json('submit', 'echo', '--payload', '"text"')).toMatchObject({ payload: 'text' })
  const piped = await runCli(['--json', 'submit', 'echo', '-'], { env: env(), input: '[true]' })
  expect(JSON.parse(piped.stdout)).toMatchObject({ payload: [true] })
})

test('the same idempotency key gives the first job again', async () => {
  const submit = (): Promise<CliAnswer> => cli('submit', 'echo', '1', '--idempotency-key', 'once')
  const [first, second] = [await submit(), await submit()]
  expect(second.stdout).toBe(first.stdout)
  expect(first.stdout).toMatch(/^[0-9a-f-]{36}\n$/)
})

test('a batch is accepted line by line, and a wrong line is named', async () => {
  const input = '{"task": "echo", "labels": {"batch": "b1"}}\n{"task": "echo", "priority": 11}\n'
  const answer = await runCli(['submit', '--batch', '-'], { env: env(), input })
  expect(answer.code).toBe(1)
  expect(answer.stdout.trim().split('\n')).toHaveLength(1)
  expect(answer.stderr).toContain('line 2: priority must be 0 to 9')
  expect((await json('jobs', '--label', 'batch=b1')).items).toHaveLength(1)
})

test('watch follows jobs to their end and fails unless all succeed', async () => {
  const good: string = (await json('submit', 'sleep', '{"ms": 300}')).id
  const bad: string = (await json('submit', 'command', '--attempts', '1', '--', 'false')).id
  const one = await cli('watch', good)
  expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('"sleptMs"') })
  expect(one.stderr).toMatch(/100 % succeeded\n$/)
  const both = await cli('watch', good, bad)
  expect(both.code).toBe(1)
  expect(both.stderr).toContain('2 of 2 ended, 1 not succeeded')
  expect(both.stdout).toContain(`${bad} failed EXIT_CODE`)
})

test('get shows a job with its timeline', async () => {
  const { id } = await json('submit', '--wait', 'echo', '"hi"')
  const { events } = await json('get', id, '--events')
  expect(events.map(({ state }: { state: string }) => state)).toEqual([
    'pending',
    'queued',
    'running',
    'succeeded',
  ])
  expect((await cli('get', id)).stdout).toMatch(/state +succeeded/)
  const missing = await cli('get', '01900000-0000-7000-8000-000000000000')
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no job') })
  const asJson = await cli('--json', 'get', 'x')
  expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { status: 400, errors: [{ path: 'id' }] } })
})

test('jobs filters, and reads as many pages as it takes', async () => {
  const lines = Array.from(
    { length: 230 },
    () => '{"task": "echo", "labels": {"many": "yes"}, "delayMs": 3600000}',
  )
  await runCli(['submit', '--batch', '-'], { env: env(), input: lines.join('\n') })
  expect((await json('jobs', '--label', 'many=yes', '--limit', '0')).items).toHaveLength(230)
  expect((await json('jobs', '--label', 'many=yes', '--limit', '3')).items).toHaveLength(3)
  expect((await json('jobs', '--label', 'many=yes', '--state', 'failed,succeeded')).items).toEqual([])
  const shown = await cli('jobs', '--label', 'many=yes', '--limit', '0')
  expect(shown.stdout.trim().split('\n')).toHaveLength(231)
  expect(await cli('jobs', '--task', 'none')).toMatchObject({ code: 0, stdout: '', stderr: 'No jobs.\n' })
})

test('cancel and replay tell of each job by itself', async () => {
  const { id } = await json('submit', '--wait', 'echo', '"again"')
  const cancelled = await cli('cancel', id, 'nonsense')
  expect(cancelled.code).toBe(1)
  expect(cancelled.stderr).toMatch(new RegExp(`${id}: .*ended.*\nnonsense: `))
  const { items } = await json('replay', id, '--payload', '"other"')
  expect(items).toMatchObject([{ replayOf: id, payload: 'other' }])
})

test('tiers and nodes show what is there; drain stops a node from taking jobs', async () => {
  const second = await platform.startWorker({ TIER: 'medium', NODE_ID: 'two' })
  // A gateway looks at the nodes once a second.
  await waitFor(async () => {
    expect((await json('tiers')).items).toMatchObject([
      { tier: 'small', replicas: { ready: 1 } },
      { tier: 'medium', replicas: { ready: 1 } },
      { tier: 'heavy', replicas: { ready: 0 } },
    ])
    return true
  })
  expect((await cli('nodes')).stdout).toMatch(/^one +ready +small/m)
  expect((await json('drain', 'two')).items).toMatchObject([{ id: 'two', state: 'draining' }])
  expect(await cli('drain', 'three')).toMatchObject({ code: 1, stderr: expect.stringContaining('three') })
  await second.stop()
})

test('users are made, changed and removed by name; token logs in as one of them', async () => {
  const made = await json('users', 'add', 'carol', '--tenant', 'acme')
  expect(made).toMatchObject({ username: 'carol', role: 'user', tenant: 'acme' })
  const login = (password: string): Promise<CliAnswer> =>
    runCli(['token', '--username', 'carol', '--password-stdin'], { env: env(), input: `${password}\n` })
  const token = (await login(made.password)).stdout.trim()
  const asCarol = { NOODLE_URL: platform.url, NOODLE_TOKEN: token }
  expect(await runCli(['jobs'], { env: asCarol })).toMatchObject({ code: 0, stderr: 'No jobs.\n' })
  expect(await runCli(['users'], { env: asCarol })).toMatchObject({ code: 1, stdout: '' })

  await runCli(['users', 'change', 'carol', '--password-stdin'], {
    env: env(),
    input: 'another long password',
  })
  expect((await login(made.password)).code).toBe(1)
  expect((await login('another long password')).code).toBe(0)
  expect((await cli('users', 'change', 'carol', '--disable')).stdout).toMatch(/carol +user +acme +disabled/)
  expect((await cli('users', 'remove', 'carol')).code).toBe(0)
  expect((await cli('users', 'list')).stdout).not.toContain('carol')
  expect(await cli('users', 'remove', 'carol')).toMatchObject({
    code: 1,
    stderr: 'There is no user carol.\n',
  })
})

test('migrate finds nothing to do in a database that is up to date', async () => {
  const { DATABASE_URL = '' } = platform.env
  const answer = await runCli(['migrate'], { env: { DATABASE_URL } })
  expect(answer).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Nothing to do/) })
})

test('doctor finds the tiers that nobody serves', async () => {
  const { DATABASE_URL = '', REDIS_URL = '' } = platform.env
  const answer = await runCli(['--json', 'doctor'], {
    env: { ...env(), DATABASE_URL, REDIS_URL },
  })
  const { findings } = JSON.parse(answer.stdout) as { findings: { check: string; status: string }[] }
  const statusOf = Object.fromEntries(findings.map(({ check, status }) => [check, status]))
  expect(statusOf).toMatchObject({
    node: 'ok',
    postgres: 'ok',
    'postgres schema': 'ok',
    'postgres clock': 'ok',
    redis: 'ok',
    'redis eviction': 'ok',
    gateway: 'warning',
    'tier small': 'ok',
    'tier heavy': 'warning',
    tasks: 'ok',
    sizes: 'ok',
    ledger: 'ok',
  })
})

test.each([
  ['an unknown command', ['frobnicate']],
  ['an unknown option', ['jobs', '--nope']],
  ['no task', ['submit']],
  ['a number that is none', ['submit', 'echo', '--priority', 'high']],
  ['a payload that is no JSON', ['submit', 'echo', '{a}']],
  ['a file that is not there', ['submit', 'echo', '@/nowhere']],
  ['two payloads', ['submit', 'echo', '1', '--payload', '2']],
  ['a batch with a task', ['submit', 'echo', '--batch', '-']],
  ['a change of nothing', ['users', 'change', 'carol']],
  ['an unknown configuration option', ['config', 'NOPE']],
  ['a command of a later version', ['backup', '--to', 'x']],
])('%s is wrong usage: exit code 2, a sentence on stderr, nothing on stdout', async (_what, args) => {
  const answer = await cli(...args)
  expect(answer).toMatchObject({ code: 2, stdout: '' })
  expect(answer.stderr).not.toMatch(/^\s*at /m)
  expect(answer.stderr.length).toBeGreaterThan(10)
})

test('logs shows what a job printed, from the tail, or live until it has ended', async () => {
  const job = await json(
    'submit',
    'command',
    '--',
    'sh',
    '-c',
    'for i in 1 2 3; do echo out $i; done; echo err >&2; sleep 1; echo late',
  )
  const followed = await cli('logs', '-f', job.id)
  expect(followed).toMatchObject({ code: 0, stdout: 'out 1\nout 2\nout 3\nlate\n', stderr: 'err\n' })
  expect(await cli('logs', '--tail', '1', job.id)).toMatchObject({ code: 0, stdout: 'late\n', stderr: '' })
  const lines = (await cli('--json', 'logs', job.id)).stdout.trim().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { text: string }).text).sort()).toEqual([
    'err',
    'late',
    'out 1',
    'out 2',
    'out 3',
  ])
  expect(await cli('logs', '01900000-0000-7000-8000-000000000000')).toMatchObject({ code: 1 })
})

test('tasks lists what there is, and tasks new writes a file once', async () => {
  const { items } = await json('tasks')
  expect(items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'command', kind: 'command', nodes: { small: 1 } }),
    ]),
  )
  expect(await cli('tasks')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/echo +builtin +1 +small 1/),
  })
  const dir = join(aFolder(), 'mine')
  expect(await json('tasks', 'new', 'greet', '--dir', dir)).toEqual({ file: join(dir, 'greet.task.ts') })
  expect(readFileSync(join(dir, 'greet.task.ts'), 'utf8')).toContain("name: 'greet'")
  expect(await cli('tasks', 'new', 'greet', '--dir', dir)).toMatchObject({ code: 1 })
  expect(await cli('tasks', 'new', 'two words', '--dir', dir)).toMatchObject({ code: 2 })
})

test('tasks types writes what tasks take and give, as TypeScript', async () => {
  const member = 'sleep: { payload: SleepPayload; result: SleepResult }'
  expect(await cli('tasks', 'types')).toMatchObject({ code: 0, stdout: expect.stringContaining(member) })
  const folder = aFolder()
  const file = join(folder, 'tasks.d.ts')
  expect(await json('tasks', 'types', '--out', file)).toEqual({ file })
  expect(readFileSync(file, 'utf8')).toContain(member)
  const refused = await cli('tasks', 'types', '--out', join(folder, 'none', 'tasks.d.ts'))
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('could not be written') })
})

test('submit --cache takes the result of an equal job, whose id it shows', async () => {
  const args = ['submit', 'echo', '{"a": 1}', '--cache', '1h', '--wait'] as const
  const first = await json(...args)
  expect(first).toMatchObject({ state: 'succeeded', cachedFrom: null })
  const second = await waitFor(async () => {
    const job = await json(...args)
    return job.cachedFrom !== null && job
  })
  expect(second).toMatchObject({ state: 'succeeded', result: { a: 1 }, attempt: 0 })
  expect((await cli('get', second.id as string)).stdout).toContain(
    `cached from  ${String(second.cachedFrom)}`,
  )
})

test('cache clear forgets what matches, and says what it takes for a pattern', async () => {
  expect(await cli('cache', 'clear', 'task_none*')).toMatchObject({
    code: 0,
    stdout: '0 entries forgotten.\n',
  })
  const refused = await cli('cache', 'clear', 'tasks')
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('task_, job_, user_') })
})

test('secrets are set from stdin, listed without their values, and removed', async () => {
  const set = (input: string) => runCli(['secrets', 'set', 'hf-token'], { env: env(), input })
  expect(await set('a long value\n')).toMatchObject({ code: 0, stdout: 'hf-token is set, version 1.\n' })
  expect(await set('short\n')).toMatchObject({ code: 2, stderr: expect.stringContaining('8 characters') })
  expect(await json('secrets', 'ls')).toEqual({
    items: [{ name: 'hf-token', version: 1, updatedAt: expect.any(String) }],
  })
  expect((await cli('secrets', 'rm', 'hf-token')).stdout).toBe('hf-token is removed.\n')
  expect(await cli('secrets', 'rm', 'hf-token')).toMatchObject({ code: 1 })
})

test('simulate takes what ran here lately, each attempt with the time that it took', async () => {
  await json('submit', '--wait', 'sleep', '{"ms": 150}')
  const { DATABASE_URL = '' } = platform.env
  const simulate = (...args: string[]): Promise<CliAnswer> =>
    runCli(['--json', 'simulate', '--from-history', ...args], { env: { DATABASE_URL } })
  const args = ['--tier', 'small', '--policies', 'fixed-peak,noodle', '--min', '1']
  const answer = await simulate('1h', ...args)
  const { policies } = JSON.parse(answer.stdout)
  expect(policies.map(({ name }: { name: string }) => name)).toEqual(['fixed-peak', 'noodle'])
  expect(policies[0].nodeSeconds).toBeGreaterThan(0.15)
  const nothing = await simulate('1ms', ...args)
  expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining('No job that was accepted') })
})
