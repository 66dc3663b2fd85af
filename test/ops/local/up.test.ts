import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { send } from '../../../ops/local/processes.ts'
import { runCli } from '../../support/cli.ts'
import { testDatabase } from '../../support/test-database.ts'
import { testRedis } from '../../support/test-redis.ts'
import {
  aHome,
  type HomeProcess,
  processesOf,
  runUp,
  startUp,
  stillAlive,
  type Up,
} from '../../support/up.ts'
import { waitFor } from '../../support/wait-for.ts'

/** For tests that start the platform. */
const startsMs = 120_000

/** A start takes seconds, so the tests share one, which none of them stops. */
let home: string
let up: Up

beforeAll(async () => {
  home = aHome()
  up = await startUp(home)
}, startsMs)

const urlOf = ({ stdout }: Up): string => /^Noodle is up: (\S+)$/m.exec(stdout())?.[1] ?? 'no URL'

/** Of what a start prints of its first job. */
const firstJob =
  /^First job (\S+) succeeded on the tier small in \d+ ms: wc over .*\n[1-9][\d,]* lines, [1-9][\d,]* words, [1-9][\d,]* bytes\.$/m

const isReady = async (url: string): Promise<boolean> => (await fetch(`${url}/ready`)).ok

const find = (processes: readonly HomeProcess[], program: string): HomeProcess[] =>
  processes.filter(({ command }) => command.includes(program))

const readJson = (file: string) => JSON.parse(readFileSync(join(home, file), 'utf8'))

async function listJobs(ofHome: string): Promise<{ id: string; state: string }[]> {
  const { stdout } = await runCli(['jobs', '--json'], { env: { NOODLE_HOME: ofHome } })
  return JSON.parse(stdout).items
}

test('a start shows its first job, the address and who may log in', async () => {
  expect(up.stdout()).toMatch(firstJob)
  expect(up.stderr()).toBe('')
  expect(await isReady(urlOf(up))).toBe(true)

  const shown = /^ *who may log in +(\S+)$/m.exec(up.stdout())?.[1] ?? 'no path'
  expect(resolve(shown)).toBe(join(home, 'credentials.json'))
  const { url, username, password } = readJson('credentials.json')
  expect(url).toBe(urlOf(up))
  const login = await fetch(`${url}/v1/auth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  expect(login.status).toBe(200)
  expect(await login.json()).toMatchObject({ accessToken: expect.any(String) })
})

test('the home and its secrets are closed to others', () => {
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  expect(modeOf(home)).toBe('700')
  for (const file of ['credentials.json', 'secrets.json', 'state.json'])
    expect(`${file} ${modeOf(join(home, file))}`).toBe(`${file} 600`)
})

test('the command line finds the platform by its home, and the doctor finds no failure', async () => {
  expect(readJson('state.json')).toMatchObject({ pid: up.pid, url: urlOf(up) })
  const { code, stdout } = await runCli(['doctor', '--json'], { env: { NOODLE_HOME: home } })
  const findings: { check: string; status: string }[] = JSON.parse(stdout).findings
  expect(findings.filter(({ status }) => status === 'failure')).toEqual([])
  expect(findings).toContainEqual(expect.objectContaining({ check: 'gateway', status: 'ok' }))
  const tiers = findings.filter(({ check }) => check.startsWith('tier '))
  expect(tiers.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok'])
  expect(code).toBe(0)
})

test('a second start with the same home is refused and leaves the first alone', async () => {
  const before = find(processesOf(home), 'main.ts')
  const refusal = {
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(`${home} is in use by another instance (process ${String(up.pid)})`),
  }
  expect(await runUp(home)).toEqual(refusal)
  expect(await runUp(home)).toEqual(refusal) // the refused one did not open the folder to others
  expect(stillAlive(before)).toEqual(before)
  expect(await isReady(urlOf(up))).toBe(true)
})

test('a PORT that was asked for and is taken is refused, and nothing is left of the start', async () => {
  const otherHome = aHome()
  const { port } = new URL(urlOf(up))
  const refused = await runUp(otherHome, { PORT: port })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(`Port ${port} was asked for by PORT and is taken.`)
  expect(processesOf(otherHome)).toEqual([])
  expect(readdirSync(otherHome)).toEqual(['secrets.json'])
})

test('a gateway that dies comes back', async () => {
  const [gateway] = find(processesOf(home), 'api/main.ts')
  if (!gateway) throw new Error('There is no gateway.')
  send(gateway.pid, 'SIGKILL')
  await waitFor(() => isReady(urlOf(up)).then((yes) => yes && stillAlive([gateway]).length === 0))
  await waitFor(() => up.stdout().includes('gateway is back.'))
  expect(up.stdout()).toContain('gateway is gone and comes back in 0.5 s: it was ended by SIGKILL')
})

test(
  'another instance beside it takes another port, and when it is killed its processes notice',
  async () => {
    const otherHome = aHome()
    const killed = await startUp(otherHome)
    const url = urlOf(killed)
    expect(url).not.toBe(urlOf(up))
    expect(url).not.toBe('http://127.0.0.1:8080') // the first one has that port, or whoever kept the first from it
    expect(killed.stdout()).toContain(
      `Port 8080 is taken, so the gateway listens on ${new URL(url).port}. PORT asks for a certain one.`,
    )
    const processes = processesOf(otherHome)
    for (const program of ['ops/cli/main.ts', 'api/main.ts', 'ops/main.ts', 'redis-server', 'postgres'])
      expect(find(processes, program)).not.toEqual([])
    expect(find(processes, 'workers/main.ts').length).toBeGreaterThanOrEqual(3) // one a tier; on a busy machine scaling may have begun another

    await killed.stop('SIGKILL')
    await waitFor(() => stillAlive(processes).length === 0, { timeoutMs: 20_000 })
    expect(await isReady(urlOf(up))).toBe(true)

    const again = await startUp(otherHome)
    expect(again.stdout()).toMatch(firstJob)
    expect(await isReady(urlOf(again))).toBe(true)
  },
  startsMs,
)

test(
  'with stores that were named it starts none of its own; the end of its terminal stops it in order',
  async () => {
    const otherHome = aHome()
    const stores = { DATABASE_URL: await testDatabase(), REDIS_URL: await testRedis() }
    const guest = await startUp(otherHome, stores)
    expect(guest.stdout()).toMatch(firstJob)
    expect(guest.stdout()).not.toMatch(/Redis|Postgres|database/)
    const processes = processesOf(otherHome)
    const own = find(processes, 'main.ts')
    expect(own.length).toBeGreaterThanOrEqual(6) // a worker more where scaling has begun it, as above
    expect(find(processes, 'keeper-process.js')).toHaveLength(1) // of the worker that ran the first job
    expect(processes).toHaveLength(own.length + 1)
    expect(readdirSync(otherHome)).not.toContainEqual(expect.stringMatching(/redis|postgres/))

    expect(await guest.hangUp()).toBe(0)
    expect(stillAlive(processes)).toEqual([])
    expect(readdirSync(otherHome).sort()).toEqual(['credentials.json', 'logs', 'secrets.json'])
  },
  startsMs,
)

test(
  'Ctrl-C stops all of it, and the next start finds its data again',
  async () => {
    const ownHome = aHome()
    const first = await startUp(ownHome)
    const processes = processesOf(ownHome)
    expect(await first.stop('SIGINT')).toBe(0)
    expect(stillAlive(find(processes, 'main.ts'))).toEqual([])
    // Guards were killed a moment ago. Left to themselves they would have given their servers 2 s.
    await waitFor(() => stillAlive(processes).length === 0, { timeoutMs: 1000 })
    expect(processesOf(ownHome)).toEqual([])
    expect(first.stdout()).toMatch(/\nStopping\.\nStopped\.\n$/)
    expect(first.stderr()).toBe('')
    expect(readdirSync(ownHome)).not.toContainEqual(expect.stringMatching(/state|owner/))

    const again = await startUp(ownHome)
    expect(first.stdout()).toContain('Making the database (once).')
    expect(again.stdout()).not.toContain('Making the database (once).')
    const jobs = await listJobs(ownHome)
    for (const stdout of [first.stdout(), again.stdout()]) {
      const id = firstJob.exec(stdout)?.[1]
      expect(jobs).toContainEqual(expect.objectContaining({ id, state: 'succeeded' }))
    }
    expect(jobs).toHaveLength(2)
  },
  startsMs,
)
