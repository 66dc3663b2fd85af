import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseDuration, showDuration } from '../../../core/durations.ts'
import { judgePostgres, judgeRedis } from '../../../ops/cli/doctor/check-stores.ts'
import { judgeTier } from '../../../ops/cli/doctor/check-consumption.ts'
import { judgeLedger } from '../../../ops/cli/doctor/check-ledger.ts'
import { checkNode } from '../../../ops/cli/doctor/check-process.ts'
import type { Finding } from '../../../ops/cli/doctor/finding.ts'
import { aFolder, runCli } from '../../support/cli.ts'
import { listen } from '../../support/listen.ts'

/*
 * What the command line does without a platform.
 */

test('without a platform a command says how to get one', async () => {
  const NOODLE_HOME = aFolder()
  const answer = await runCli(['jobs'], { env: { NOODLE_HOME } })
  expect(answer).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('npm start') })
  const elsewhere = await runCli(['jobs'], { env: { NOODLE_HOME, NOODLE_URL: 'http://127.0.0.1:9' } })
  expect(elsewhere).toMatchObject({ code: 1, stderr: expect.stringContaining('NOODLE_TOKEN') })
  const env = { NOODLE_HOME, NOODLE_URL: 'http://127.0.0.1:9', NOODLE_TOKEN: 'x' }
  const nobody = await runCli(['jobs'], { env })
  expect(nobody).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No gateway answers at http://127.0.0.1:9'),
  })
})

test('a password is not sent to another gateway than its own', async () => {
  const NOODLE_HOME = aFolder()
  const credentials = { url: 'http://127.0.0.1:9', username: 'admin', password: 'secret' }
  writeFileSync(join(NOODLE_HOME, 'credentials.json'), JSON.stringify(credentials))
  const answer = await runCli(['jobs'], { env: { NOODLE_HOME, NOODLE_URL: 'http://localhost:9' } })
  expect(answer).toMatchObject({ code: 1, stderr: expect.stringContaining('NOODLE_TOKEN is not set') })
})

test('doctor says what is wrong with stores that do not answer', async () => {
  const env = {
    NOODLE_HOME: aFolder(),
    DATABASE_URL: 'postgres://noodle:pw@127.0.0.1:9/noodle',
    REDIS_URL: 'redis://127.0.0.1:9',
  }
  const answer = await runCli(['doctor'], { env })
  expect(answer.code).toBe(1)
  expect(answer.stdout).toMatch(/FAILED +postgres: .*ECONNREFUSED[\s\S]*FAILED +redis: .*ECONNREFUSED/)
})

test('doctor asks who has the port of the gateway', async () => {
  const server = createServer((request, response) => {
    const ready = { status: 'ok', version: '9.9.9', details: [] }
    response.setHeader('Content-Type', 'application/json')
    response.statusCode = request.url === '/ready' ? readyStatus : 404
    response.end(JSON.stringify(ready))
  })
  let readyStatus = 200
  const port = String((await listen(server)).port)
  const env = { NOODLE_HOME: aFolder(), PORT: port, HOST: '127.0.0.1' }
  const ours = await runCli(['doctor'], { env })
  expect(ours.stdout).toMatch(/ok +gateway: Noodle 9\.9\.9 at \S+ is ready\./)
  readyStatus = 404
  const foreign = await runCli(['doctor'], { env })
  expect(foreign.stdout).toContain(`Port ${port} is taken, by something that does not answer as a gateway`)
})

const statuses = (findings: Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, status }) => [check, status]))

test('doctor judges Postgres', () => {
  const fine = {
    version: 150_006,
    clockSkewMs: 20,
    missingMigrations: [],
    connections: { used: 10, most: 100 },
    isFsyncOn: true,
    isCommitSynchronous: true,
    isStandby: false,
    epoch: 0,
  }
  expect(new Set(judgePostgres(fine).map(({ status }) => status))).toEqual(new Set(['ok']))
  const bad = {
    version: 130_011,
    clockSkewMs: -45_000,
    missingMigrations: ['005-x'],
    connections: { used: 95, most: 100 },
    isFsyncOn: true,
    isCommitSynchronous: false,
    isStandby: true,
    epoch: 0,
  }
  expect(statuses(judgePostgres(bad))).toEqual({
    postgres: 'failure',
    'postgres schema': 'warning',
    'postgres durability': 'failure',
    'postgres role': 'failure',
    'postgres connections': 'warning',
    'postgres clock': 'failure',
  })
})

test('doctor judges Redis', () => {
  const fine = {
    version: '7.0.15',
    evictionPolicy: 'noeviction',
    isAppending: true,
    isMaster: true,
    isPersisting: true,
    clockSkewMs: 0,
  }
  expect(new Set(judgeRedis(fine).map(({ status }) => status))).toEqual(new Set(['ok']))
  const bad = {
    version: '6.2.1',
    evictionPolicy: 'allkeys-lru',
    isAppending: false,
    isMaster: false,
    isPersisting: true,
    clockSkewMs: 2000,
  }
  expect(statuses(judgeRedis(bad))).toEqual({
    redis: 'failure',
    'redis role': 'failure',
    'redis eviction': 'failure',
    'redis persistence': 'warning',
    'redis clock': 'warning',
  })
  expect(statuses(judgeRedis({ ...fine, isPersisting: false }))).toMatchObject({
    'redis persistence': 'failure',
  })
})

test('doctor judges whether a tier is served', () => {
  const tier = {
    tier: 'small',
    size: { name: 'small', cpu: 2, memoryMb: 4096, gpu: 0 },
    replicas: { ready: 1, starting: 0, draining: 0, desired: 1 },
    isScaledToZero: false,
    pending: 0,
    queued: 0,
    running: 0,
    oldestWaitMs: 0,
    arrivalsPerSecond: 0,
    finishesPerSecond: 0,
  }
  const nobody = { ready: 0, starting: 0, draining: 1, desired: 0 }
  expect(judgeTier(tier).status).toBe('ok')
  expect(judgeTier({ ...tier, replicas: nobody }).status).toBe('warning')
  expect(judgeTier({ ...tier, replicas: nobody, pending: 1 }).status).toBe('failure')
  expect(judgeTier({ ...tier, replicas: nobody, isScaledToZero: true }).status).toBe('ok')
  expect(judgeTier({ ...tier, replicas: nobody, isScaledToZero: true, pending: 1 }).status).toBe('failure')
  expect(judgeTier({ ...tier, queued: 5, running: 3, oldestWaitMs: 61_000 }).status).toBe('warning')
  expect(judgeTier({ ...tier, queued: 5, oldestWaitMs: 61_000 }).status).toBe('failure')
})

test('doctor judges the ledger', () => {
  const fine = { accepted: 5, ended: 3, live: 2, missing: 0, surplus: 0, examples: [] }
  expect(judgeLedger(fine, [])).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('5 accepted = 3 ended + 2 live'),
  })
  expect(judgeLedger({ missing: 0, surplus: 0, examples: [], isPartial: true }, [])).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('too many jobs'),
  })
  expect(judgeLedger(fine, ['an-id'])).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('an-id'),
  })
  for (const gap of [{ missing: 1 }, { surplus: 1 }])
    expect(judgeLedger({ ...fine, ...gap, examples: ['an-id'] }, [])).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('an-id'),
    })
})

test('doctor knows which Node is new enough', () => {
  const { engines } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'),
  ) as {
    engines: { node: string }
  }
  const [, oldest = ''] = /^>=([\d.]+)$/.exec(engines.node) ?? []
  expect(checkNode(`${oldest}.0`).status).toBe('ok')
  expect(checkNode('24.0.0').status).toBe('ok')
  expect(checkNode('22.18.9').status).toBe('failure')
  expect(checkNode('20.20.2').status).toBe('failure')
})

test('durations read what they show', () => {
  expect(['500ms', '30s', '5m', '5 min', '1.5h', '1d'].map(parseDuration)).toEqual([
    500, 30_000, 300_000, 300_000, 5_400_000, 86_400_000,
  ])
  expect(['', '5', '-5s', 's', '5 weeks', '1e3s'].map(parseDuration)).toEqual(Array(6).fill(undefined))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), (ms) => {
      const parts = showDuration(ms).match(/[\d.]+ [a-z]+/g) ?? []
      const shown = parts.reduce((sum, part) => sum + (parseDuration(part) ?? NaN), 0)
      expect(Math.abs(shown - ms)).toBeLessThanOrEqual(Math.max(50, ms / 9))
    }),
  )
})
