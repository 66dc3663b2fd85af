import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { python } from '../support/python-test.ts'
import { monitorRedis } from '../support/redis-monitor.ts'
import { connected } from '../support/template-database.ts'
import { waitFor } from '../support/wait-for.ts'

const patience = { timeoutMs: 25_000 }

/** In every value. */
const planted = 'PlantedCanaryWord'
const multiline = `-----BEGIN KEY-----\n${planted}keyline/one+${'k'.repeat(40)}\n${planted}keyline two\n-----END KEY-----`
const values = { canary: `${planted}"quoted\\ and spaced`, key: multiline }
/** The word as it is, in hexadecimals, and as base64 has it wherever it stands. */
const traces = new RegExp(
  [
    planted,
    Buffer.from(planted).toString('hex'),
    ...['', '-', '--'].map((before) =>
      Buffer.from(before + planted)
        .toString('base64')
        .slice(4, 20),
    ),
  ].join('|'),
)

const moduleTask = `
import { defineTask, PermanentFailure } from 'noodle/task'
import { z } from 'zod'
import { writeFileSync } from 'node:fs'

export default defineTask({
  name: 'blabber-ts',
  secrets: ['canary', 'key'],
  input: z.object({ do: z.string(), file: z.string().optional() }),
  async run(ctx) {
    const secret = ctx.secrets.get('canary')
    const key = ctx.secrets.get('key')
    console.log('it is ' + secret); console.error(JSON.stringify({ secret, key })); console.log(key)
    process.stdout.write(secret.slice(0, 9)); await new Promise((r) => setTimeout(r, 20)); process.stdout.write(secret.slice(9) + '\\n')
    ctx.log('told ' + secret); ctx.progress(10, 'with ' + secret)
    if (ctx.input.do === 'throw') throw new PermanentFailure('refused: ' + secret + ' and ' + key)
    if (ctx.input.do === 'crash') { process.stderr.write('last words ' + secret); process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {}) }
    if (ctx.input.do === 'result') return { nested: [secret] }
    if (ctx.input.do === 'checkpoint') return ctx.checkpoint({ secret }).then(() => 'kept', () => 'refused')
    if (ctx.input.do === 'hold') { writeFileSync(ctx.input.file, String(process.pid)); await new Promise((r) => ctx.signal.addEventListener('abort', r)) }
    if (ctx.input.do === 'other') ctx.secrets.get('undeclared')
    return { length: secret.length, lines: key.split('\\n').length }
  },
})
`
const pythonTask = `
from noodle import task
@task(name="blabber-py", secrets=["canary", "key"])
def run(ctx, input):
    secret = ctx.secret("canary")
    print(secret, ctx.secret("key"), repr(ctx.secret("key"))); ctx.log(secret); ctx.progress(1, secret)
    if input["do"] == "throw": raise ValueError("refused: " + secret + ctx.secret("key"))
    return len(secret)
`
const shellTask = {
  'blabber-sh.task.json': JSON.stringify({
    name: 'blabber-sh',
    run: ['sh', './blabber.sh'],
    secrets: ['canary'],
  }),
  'blabber.sh': `
read -r start <&4
printf '%s\\n' "$start"; printf 'no line: %s\\n' "$start" >&3; printf '%s' "$start" >&2
case "$start" in *throw*) exit 3;; esac
echo '{"type":"result","value":"done"}' >&3`,
}

const around = (match: RegExpExecArray | null): string | undefined =>
  match?.input.slice(Math.max(0, match.index - 200), match.index + 200)

async function setSecret(platform: Platform, name: string, value: string): Promise<void> {
  const { status } = await platform.call('PUT', `/v1/secrets/${name}`, {
    token: await platform.token(),
    body: { value },
  })
  expect(status).toBe(201)
}

test('a secret reaches the process of its run, and appears nowhere else: not in logs, errors, progress, results, checkpoints, the stores, arguments or environments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-secrets-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  const files = {
    'blabber.task.ts': moduleTask,
    ...shellTask,
    ...(python !== null && { 'blabber.task.py': pythonTask }),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)

  const platform = await startPlatform({ SECRETS_KEY: 'a key for secrets of more than thirty-two bytes' })
  const redisCommands = await monitorRedis(platform.env['REDIS_URL'] ?? '')

  for (const [name, value] of Object.entries(values)) await setSecret(platform, name, value)
  const worker = await platform.startWorker({ TASKS_DIR: folder })
  const token = await platform.token()
  const submit = async (task: string, payload: unknown): Promise<string> => {
    const body = { task, payload, retry: { maxAttempts: 1 } }
    return (await platform.call('POST', '/v1/jobs', { token, body })).body.id as string
  }
  const read = async (id: string) => (await platform.call('GET', `/v1/jobs/${id}`, { token })).body
  const ended = (id: string) =>
    waitFor(async () => {
      const job = await read(id)
      return /^(succeeded|failed|cancelled)$/.test(String(job.state)) && job
    }, patience)

  const pidFile = join(folder, 'pid')
  const held = await submit('blabber-ts', { do: 'hold', file: pidFile })
  const pid = await waitFor(() => readFileSync(pidFile, 'utf8'), patience)
  const procOf = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1')
  expect(`${procOf('cmdline')} ${procOf('environ')}`).not.toMatch(traces)

  const ids: Record<string, string> = {}
  for (const what of ['return', 'throw', 'crash', 'result', 'checkpoint', 'other'])
    ids[what] = await submit('blabber-ts', { do: what })
  ids['sh'] = await submit('blabber-sh', { do: 'return' })
  ids['sh throw'] = await submit('blabber-sh', { do: 'throw' })
  if (python !== null) {
    ids['py'] = await submit('blabber-py', { do: 'return' })
    ids['py throw'] = await submit('blabber-py', { do: 'throw' })
  }
  const jobs = Object.fromEntries(
    await Promise.all(Object.entries(ids).map(async ([what, id]) => [what, await ended(id)] as const)),
  )
  await platform.call('POST', `/v1/jobs/${held}/cancel`, { token })
  await ended(held)

  expect(jobs['return']).toMatchObject({
    result: { length: values.canary.length, lines: 4 },
    progressNote: 'with [secret canary]',
  })
  expect(jobs['throw'].error.message).toBe('refused: [secret canary] and [secret key]')
  expect(jobs['crash'].error).toMatchObject({ code: 'SIGNAL' })
  expect(jobs['crash'].error.message).toMatch(/last words \[secret canary\]$/)
  expect(jobs['result'].error).toMatchObject({
    code: 'RESULT_INVALID',
    message: 'The result holds the secret canary; leave it out.',
  })
  expect(jobs['checkpoint']).toMatchObject({ state: 'succeeded', result: 'refused' })
  expect(jobs['other'].error.message).toContain('does not declare the secret undeclared')
  expect(jobs['sh']).toMatchObject({ state: 'succeeded', result: 'done' })
  expect(jobs['sh throw'].error).toMatchObject({ code: 'EXIT_CODE' })
  if (python !== null) expect(jobs['py']).toMatchObject({ result: values.canary.length })

  const logs: string[] = []
  for (const id of [held, ...Object.values(ids)]) {
    const { body } = await platform.call('GET', `/v1/jobs/${id}/logs?limit=200`, { token })
    logs.push(...body.items.map((line: { text: string }) => line.text))
  }
  expect(logs).toContain('it is [secret canary]')
  expect(logs).toContain('[secret canary]') // the one that came in two pieces
  const tables = await connected(platform.env['DATABASE_URL'] ?? '', async (client) => {
    const { rows } = await client.query<{ xml: string }>(
      `SELECT query_to_xml(format('SELECT * FROM %I', tablename), true, false, '')::text AS xml FROM pg_tables WHERE schemaname = 'public'`,
    )
    return rows.map(({ xml }) => xml).join('\n')
  })
  expect(tables).toContain('<sealed>')
  expect(tables).not.toMatch(traces)
  const everything = {
    logs: logs.join('\n'),
    jobs: JSON.stringify([jobs, await read(held)]),
    redis: redisCommands(),
    worker: worker.output(),
    gateway: platform.gateway.output(),
    ops: platform.ops.output(),
    catalogue: JSON.stringify((await platform.call('GET', '/v1/tasks', { token })).body),
    arguments: execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }),
  }
  expect(redisCommands()).toContain(Object.values(ids)[0])
  for (const [what, text] of Object.entries(everything))
    expect({ what, found: around(traces.exec(text)) }).toEqual({ what, found: undefined })
}, 60_000)

test('a secret that can not be had fails its job by name with what to do; a worker without the key offers no such task', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-secrets-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(shellTask)) writeFileSync(join(folder, name), text)
  const platform = await startPlatform()
  const keyless = await platform.startWorker({ TASKS_DIR: folder })
  expect(keyless.output()).toContain('it uses secrets (canary), and SECRETS_KEY is not set')
  await keyless.stop()
  await platform.startWorker({ TASKS_DIR: folder, SECRETS_KEY: 'another key of more than thirty-two bytes' })
  const token = await platform.token()
  const job = await waitFor(async () => {
    const { status, body } = await platform.call('POST', '/v1/jobs', {
      token,
      body: { task: 'blabber-sh' },
      headers: { Prefer: 'wait=20' },
    })
    return status === 200 && body
  }, patience)
  expect(job).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: {
      code: 'SECRET_UNAVAILABLE',
      message:
        'The task blabber-sh uses the secret canary, which the tenant default has not set: noodle secrets set canary, then replay the job.',
    },
  })
})
