import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import type * as noodleClient from '../../client/src/noodle-client.ts'
import { cleanUp } from '../support/clean-up.ts'
import { runCli } from '../support/cli.ts'
import { pageTest } from '../support/page-test.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { listen } from '../support/listen.ts'

const root = join(import.meta.dirname, '../..')
/** Packs, and installs what was packed, on a machine that does much else. */
const packMs = 120_000

/** An empty folder with the client installed, as a user has it. */
let folder: string
let platform: Platform
let pageOrigin: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'noodle-client-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  const npm = (args: string[], cwd: string): string =>
    execFileSync('npm', [...args, '--silent', '--no-audit', '--no-fund'], { cwd, encoding: 'utf8' })
  const file = npm(['pack', '--pack-destination', folder], join(root, 'client')).trim()
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  npm(['install', '--offline', `./${file}`], folder)
  pageOrigin = await servePages()
  platform = await startPlatform({ CORS_ORIGINS: pageOrigin })
  await platform.startWorker({ TIER: 'small', CONCURRENCY: '50' })
  const { code, stderr } = await runCli(['tasks', 'types', '--out', join(folder, 'tasks.d.ts')], {
    env: { NOODLE_URL: platform.url, NOODLE_TOKEN: await platform.token() },
  })
  if (code !== 0) throw new Error(`The types of the tasks were not written: ${stderr}`)
}, packMs)

const environment = async (): Promise<NodeJS.ProcessEnv> => ({
  PATH: process.env['PATH'],
  HOME: folder,
  NOODLE_URL: platform.url,
  NOODLE_TOKEN: await platform.token(),
})

/** The one block of JavaScript of the README. */
function readmeLines(): string {
  const [, lines] = /```js\n(.*?)```/s.exec(readFileSync(join(root, 'client/README.md'), 'utf8')) ?? []
  if (lines === undefined) throw new Error('The README of the client has no lines to run.')
  return lines
}

/** Runs the README's lines by a program, and answers with what they printed. */
async function runReadme(program: string, args: readonly string[] = []): Promise<string> {
  writeFileSync(join(folder, 'readme.mjs'), readmeLines())
  const { status, stdout, stderr } = spawnSync(program, [...args, 'readme.mjs'], {
    cwd: folder,
    env: await environment(),
    encoding: 'utf8',
    timeout: 25_000,
  })
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stdout}${stderr}`)
  return stdout
}

const programs = (name: string): string[] =>
  [...new Set((process.env['PATH'] ?? '').split(delimiter))]
    .map((place) => join(place, name))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** The oldest Node here that the client promises to run on. */
function oldestNode(): { program: string; version: string } {
  const versions = [process.execPath, ...programs('node')].map((program) => ({
    program,
    version: execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().slice(1),
  }))
  const majorOf = ({ version }: { version: string }): number => Number.parseInt(version)
  const [oldest] = versions.filter((one) => majorOf(one) >= 20).sort((a, b) => majorOf(a) - majorOf(b))
  if (!oldest) throw new Error('There is no Node.')
  return oldest
}

const node = oldestNode()
test(`the ten lines of the README run, on Node ${node.version}, with the packed client alone`, async () => {
  expect(readmeLines().trim().split('\n').length).toBeLessThanOrEqual(12)
  expect(await runReadme(node.program)).toBe("succeeded { hello: 'world' }\n")
  const { body } = await platform.call('GET', '/v1/jobs?label=from:readme', { token: await platform.token() })
  expect(body.items).toHaveLength(1)
})
if (!node.version.startsWith('20.'))
  test.skip('the client runs on Node 20 (skipped: there is no Node 20 on PATH)', () => undefined)

for (const [name, args] of [
  ['deno', ['run', '--allow-net', '--allow-env', '--allow-read']],
  ['bun', ['run']],
] as const) {
  const [program] = programs(name)
  if (program)
    test(`the ten lines of the README run on ${name}`, async () => {
      expect(await runReadme(program, args)).toMatch(/^succeeded \{\s*hello: ['"]world['"],?\s*\}\n$/)
    })
  else test.skip(`the client runs on ${name} (skipped: there is no ${name} on PATH)`, () => undefined)
}

test('it brings nothing along but itself, with the version of Noodle', () => {
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  const installed = read(join(folder, 'node_modules/noodle-client/package.json'))
  expect(installed['dependencies']).toBeUndefined()
  expect(installed['version']).toBe(read(join(root, 'package.json'))['version'])
  expect(Object.keys(read(join(folder, 'node_modules/.package-lock.json'))['packages'] as object)).toEqual([
    'node_modules/noodle-client',
  ])
})

/** Compiles a file with the installed client, its declarations checked too unless told otherwise; answers with what the compiler says. */
function compile(text: string, ...more: string[]): string {
  writeFileSync(join(folder, 'program.ts'), text)
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const options =
    '--noEmit --ignoreConfig --strict --exactOptionalPropertyTypes --module nodenext --target es2022'
  const args = [compiler, ...options.split(' '), ...more, 'program.ts']
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }).stdout
}

const typed = (lines: string): string => `import { type Job, NoodleClient } from 'noodle-client'
import type { Tasks as Known } from './tasks.js'
interface Tasks { resize: { payload: { width: number }; result: { bytes: number } }; any: { payload: unknown; result: unknown } }
const client = new NoodleClient<Tasks>({ url: 'http://127.0.0.1:8080' })
const known = new NoodleClient<Known>({ url: 'http://127.0.0.1:8080' })
${lines}
`

test('its types compile, and know payload and result of each task', () => {
  const program = typed(`
const job = await client.submit('resize', { width: 3 }, { priority: 9 })
const bytes: number = (await client.result(await client.wait(job))).bytes
const width: number | undefined = job.payload?.width
await client.submit('any')
for await (const one of client.list()) if (one.task === 'resize') one.payload?.width.toFixed()
for await (const answer of client.submitMany([{ task: 'resize', payload: { width: 1 }, labels: { a: 'b' } }]))
  if (answer.id === undefined) answer.code.toUpperCase()
const slept: number = (await known.result(await known.submit('sleep', { ms: 1 }))).sleptMs
const some: Job = await new NoodleClient({ url: '', token: () => 'x' }).submit('whatever', { any: 'thing' })
console.log(bytes, width, slept, some.id)`)
  expect(compile(program)).toBe('')
})

test('a wrong payload, none, another task or another field do not compile', () => {
  const wrong = [
    "client.submit('resize', { width: '3' })",
    "client.submit('resize')",
    "client.submit('resise', { width: 3 })",
    "client.submitMany([{ task: 'resize', payload: { height: 3 } }])",
    "known.submit('sleep', { ms: '1' })",
    "known.submit('sleep', { ms: 1, after: 2 })",
    "known.submit('dream', { ms: 1 })",
  ]
  const said = compile(typed(wrong.join('\n')), '--skipLibCheck') // checked by the test before
    .split('\n')
    .filter((line) => line.startsWith('program.ts'))
  expect(said).toEqual([
    expect.stringMatching(/^program\.ts\(6,.*'string' is not assignable to type 'number'/),
    expect.stringMatching(/^program\.ts\(7,.*Expected 2-3 arguments/),
    expect.stringMatching(/^program\.ts\(8,.*'"resise"' is not assignable/),
    expect.stringMatching(/^program\.ts\(9,.*height: number/),
    expect.stringMatching(/^program\.ts\(10,.*'string' is not assignable to type 'number'/),
    expect.stringMatching(/^program\.ts\(11,.*'after' does not exist/),
    expect.stringMatching(/^program\.ts\(12,.*'"dream"' is not assignable/),
  ])
})

/** A page with nothing on it, and the files of the client beside it. */
async function servePages(): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const isModule = /^\/client\/[a-z-]+\.js$/.test(pathname)
    const path = join(folder, 'node_modules/noodle-client/dist', pathname.slice('/client/'.length))
    response.setHeader('Content-Type', isModule ? 'text/javascript' : 'text/html')
    response.end(isModule ? readFileSync(path) : '<!doctype html><title>A page</title>')
  })
  return `http://${(await listen(server)).address}`
}

pageTest(
  'a page of an origin that the gateway allows submits, waits, follows and cancels',
  async (browser) => {
    const page = await browser.newPage()
    await page.goto(pageOrigin)
    const outcome = await page.evaluate(
      async ({ url, token, module }) => {
        const { NoodleClient } = (await import(module)) as typeof noodleClient
        const client = new NoodleClient({ url, token, retry: { forMs: 5000 } })
        const job = await client.wait(await client.submit('sleep', { ms: 50 }))
        const states: string[] = []
        for await (const event of client.events(job.id)) if (event.type === 'state') states.push(event.state)
        const ids = new Set<string | undefined>()
        for await (const { id } of client.submitMany([1, 2, 3].map((payload) => ({ task: 'echo', payload }))))
          ids.add(id)
        // More than a browser has connections for.
        const jobs = await Promise.all(Array.from({ length: 12 }, () => client.submit('sleep', { ms: 300 })))
        const ended = await Promise.all(jobs.map((one) => client.wait(one, { timeoutMs: 20_000 })))
        const long = await client.submit('sleep', { ms: 60_000 })
        await client.cancel(long.id)
        const refusal = await client.submit('no-such-task').catch((error: unknown) => error)
        const { code, requestId } = refusal as noodleClient.NoodleError
        return {
          result: job.result,
          states,
          ids: ids.size,
          ended: ended.filter(({ state }) => state === 'succeeded').length,
          cancelled: (await client.wait(long)).state,
          code,
          hasRequestId: requestId !== undefined,
        }
      },
      { url: platform.url, token: await platform.token(), module: `${pageOrigin}/client/noodle-client.js` },
    )
    expect(outcome).toMatchObject({
      ids: 3,
      ended: 12,
      cancelled: 'cancelled',
      code: 'task-unknown',
      hasRequestId: true,
    })
    expect(outcome.states.at(-1)).toBe('succeeded')
    expect(outcome.result).toEqual({ sleptMs: expect.any(Number) })
  },
)

pageTest('a page of another origin gets nowhere', async (browser) => {
  const page = await browser.newPage()
  // By address: Chromium breaks off what it does for a name when the machine's network changes, as it does when another test starts containers.
  const otherOrigin = await servePages()
  await page.goto(otherOrigin)
  const code = await page.evaluate(
    async ({ url, token, module }) => {
      const { NoodleClient } = (await import(module)) as typeof noodleClient
      const client = new NoodleClient({ url, token, retry: { forMs: 0 } })
      return client.tiers().catch((error: unknown) => (error as noodleClient.NoodleError).code)
    },
    { url: platform.url, token: await platform.token(), module: `${otherOrigin}/client/noodle-client.js` },
  )
  expect(code).toBe('network')
})
