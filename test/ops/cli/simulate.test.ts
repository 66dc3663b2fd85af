import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { claimFolder } from '../../../ops/local/claim-folder.ts'
import { writeRunningState } from '../../../ops/local/state-file.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aFolder, runCli } from '../../support/cli.ts'
import { testDatabase } from '../../support/test-database.ts'

/** A calm with a burst in it: 400 jobs of 5 s. */
const trace = [
  'at,serviceMs',
  ...Array.from({ length: 200 }, (_, n) => `${String(n * 10)},5000`),
  ...Array.from({ length: 200 }, (_, n) => `${String(1000 + n / 10)},5000`),
].join('\n')

test('simulate prints what each policy made of a trace, as JSON for programs', async () => {
  const args = [
    'simulate',
    '--trace',
    '-',
    '--slots-per-node',
    '4',
    '--cold-start-ms',
    '20000',
    '--min',
    '1',
    '--max',
    '20',
  ]
  const answer = await runCli(['--json', ...args, '--policies', 'noodle,keda-hpa'], { input: trace })
  expect(answer).toMatchObject({ code: 0, stderr: '' })
  const number = expect.any(Number)
  const figures = { nodeSeconds: number, waitMs: { p50: number, p95: number, p99: number, max: number } }
  const counts = { deadlineMisses: 0, scaleEvents: number, busyKills: number }
  expect(JSON.parse(answer.stdout)).toEqual({
    policies: [
      { name: 'noodle', ...figures, ...counts, busyKills: 0 },
      { name: 'keda-hpa', ...figures, ...counts },
    ],
  })
  const again = await runCli(['--json', ...args, '--policies', 'noodle,keda-hpa'], { input: trace })
  expect(again.stdout).toBe(answer.stdout)
})

test('simulate shows a table of all policies for people, and draws a chart', async () => {
  const folder = aFolder()
  const file = join(folder, 'trace.csv')
  const chart = join(folder, 'chart.svg')
  writeFileSync(file, trace)
  const { code, stdout } = await runCli([
    'simulate',
    '--trace',
    file,
    '--cold-start-ms',
    '5000-40000',
    '--chart',
    chart,
  ])
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^POLICY +NODE-SECONDS +OF FLOOR +WAIT P50 +WAIT P95[\s\S]*\nnoodle +\d+[\s\S]*\ntwo-lines +\d+/,
  )
  const svg = readFileSync(chart, 'utf8')
  expect(svg).toMatch(/^<svg [\s\S]*noodle[\s\S]*two-lines[\s\S]*<\/svg>\n$/)
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
})

test.each([
  [['--trace', '-'], 'at,serviceMs\n1,x\n', 'Line 2, column serviceMs: x must be a number, 0 or more.'],
  [['--trace', '/nowhere.csv'], '', "/nowhere.csv can't be read"],
  [[], '', 'Give either --trace FILE or --from-history DURATION.'],
  [['--trace', '-', '--from-history', '1h'], '', 'Give either --trace FILE or --from-history DURATION.'],
  [['--trace', '-', '--policies', 'noodle,keda'], '', 'There is no policy keda'],
  [['--trace', '-', '--min', '9', '--max', '3'], '', '--min 9 is more than --max 3.'],
  [['--trace', '-', '--cold-start-ms', '9-3'], '', 'The first number must not be larger'],
  [
    ['--trace', '-', '--tier', 'medium'],
    'at,serviceMs,tier\n1,1,small\n',
    'There is no job of the tier medium; there are jobs of small.',
  ],
])('simulate %j is wrong usage, and says what is wrong', async (args, input, message) => {
  const answer = await runCli(['simulate', ...args], { input })
  expect(answer).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(message) })
})

test('for the history of the platform that npm start runs, simulate begins with its bounds', async () => {
  const DATABASE_URL = await testDatabase()
  const home = aFolder()
  cleanUp(claimFolder(home))
  writeRunningState(home, { pid: process.pid, databaseUrl: DATABASE_URL, redisUrl: '', url: '' })
  const run = (env: Record<string, string>) =>
    runCli(['simulate', '--from-history', '1h', '--max', '1'], { env: { NOODLE_HOME: home, ...env } })
  expect(await run({})).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No job that was accepted'),
  })
  // Of another platform the usual ones are taken.
  expect(await run({ DATABASE_URL })).toMatchObject({ code: 2, stderr: '--min 2 is more than --max 1.\n' })
})

test('simulate begins with the configured policy of each tier; what is asked for goes first', async () => {
  const SCALING_POLICIES = JSON.stringify({
    default: { min: 3, max: 3 },
    heavy: { min: 5, max: 5, override: { replicas: 9, until: '2099-01-01T00:00:00Z' } },
  })
  const jobs = 'at,serviceMs,tier\n0,1000,small\n0,1000,large\n100,1000,small\n100,1000,heavy\n'
  const nodeSeconds = async (...args: string[]) => {
    const all = ['--json', 'simulate', '--trace', '-', '--policies', 'noodle', ...args]
    const { stdout } = await runCli(all, { input: jobs, env: { SCALING_POLICIES } })
    const { policies } = JSON.parse(stdout) as { policies: { nodeSeconds: number }[] }
    return policies[0]?.nodeSeconds
  }
  // 101 s each: three nodes of small, five of heavy.
  expect(await nodeSeconds()).toBe(808)
  expect(await nodeSeconds('--tier', 'large')).toBe(505)
  expect(await nodeSeconds('--min', '2', '--max', '2')).toBe(404)
})
