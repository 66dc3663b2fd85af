import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUp } from '../support/clean-up.ts'
import { startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

test('SIGHUP takes over what may change while a gateway runs, refuses the rest by name, and keeps all of the old when the file is wrong', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'noodle-config-'))
  cleanUp(() => rmSync(dir, { recursive: true }))
  const write = (text: string) => writeFileSync(join(dir, 'test.yaml'), text)
  write('schema: 1\n')
  const { call, gateway, token } = await startPlatform({
    ...{ NOODLE_ENV: 'test', NOODLE_CONFIG_DIR: dir, LOG_FORMAT: 'json' },
    LOG_LEVEL: '', // not set: the file says it
  })
  const ready = async (): Promise<{ hash: string; restartNeeded: string[] }> =>
    (await call('GET', '/ready')).body.config
  const lines = () =>
    gateway
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const limit = async () =>
    (await call('GET', '/v1/tiers', { token: await token() })).headers.get('RateLimit-Policy')

  const first = await ready()
  expect(first).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{12}$/), restartNeeded: [] })
  expect(lines()).toContainEqual(
    expect.objectContaining({
      message: 'configuration applied',
      hash: first.hash,
      environment: 'test',
      reason: 'start',
    }),
  )
  expect(await limit()).toContain('q=60000;')
  expect(gateway.output()).not.toContain('request answered') // a line of debug

  write('RATE_LIMIT_REQUESTS_PER_MINUTE: 50000\nLOG_LEVEL: debug\nBLOB_LINK_SECONDS: 60\n')
  gateway.child.kill('SIGHUP')
  const second = await waitFor(async () => {
    const config = await ready()
    return config.hash === first.hash ? undefined : config
  })
  expect(second.restartNeeded).toEqual(['BLOB_LINK_SECONDS'])
  expect(await limit()).toContain('q=50000;')
  await waitFor(() => Promise.resolve(gateway.output().includes('request answered')))
  await waitFor(() => Promise.resolve(lines().some(({ reason }) => reason === 'reload')))
  expect(lines()).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'option not taken over while running, restart to apply it',
      option: 'BLOB_LINK_SECONDS',
    }),
  )

  write('RATE_LIMIT_REQUESTS_PER_MINUTE: 40000\nLOG_LEVEL: loud\n')
  gateway.child.kill('SIGHUP')
  await waitFor(() =>
    Promise.resolve(
      lines().some(({ message }) => message === 'configuration is wrong, the one before stays'),
    ),
  )
  expect(await ready()).toEqual(second)
  expect(await limit()).toContain('q=50000;')
  expect((await call('GET', '/metrics')).body).toMatch(
    new RegExp(
      `noodle_config_info\\{hash="${second.hash}"\\} 1\n[^]*noodle_config_reloads_total\\{outcome="wrong"\\} 1`,
    ),
  )
})

test('SIGHUP changes the policies of scaling, unless they do not go together, and the limits of runs that begin after it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'noodle-config-'))
  cleanUp(() => rmSync(dir, { recursive: true }))
  const write = (text: string) => writeFileSync(join(dir, 'test.yaml'), text)
  write('SCALING_POLICIES: { small: { max: 5 } }\nLOG_LIMIT_BYTES: 1024\n')
  const platform = await startPlatform({
    ...{ NOODLE_ENV: 'test', NOODLE_CONFIG_DIR: dir, LOG_LEVEL: 'info', TASK_COMMAND_ALLOW: 'seq' },
  })
  const worker = await platform.startWorker({ TIER: 'small' })
  const token = await platform.token()
  const maxOf = async () => (await platform.call('GET', '/v1/tiers/small/scaling', { token })).body.policy.max
  const lastLine = async (): Promise<string> => {
    const job = { task: 'command', payload: { argv: ['seq', '900'] } }
    const prefer = { Prefer: 'wait=20' }
    const { body } = await platform.call('POST', '/v1/jobs', { token, body: job, headers: prefer })
    expect(body.state).toBe('succeeded')
    const logs = await platform.call('GET', `/v1/jobs/${body.id}/logs?tail=1`, { token })
    return logs.body.items[0].text
  }
  expect(await maxOf()).toBe(5)
  expect(await lastLine()).toContain('left out')

  write('SCALING_POLICIES: { small: { max: 6 } }\nLOG_LIMIT_BYTES: 100000\n')
  for (const { child } of [platform.gateway, worker]) child.kill('SIGHUP')
  await waitFor(async () => (await maxOf()) === 6)
  await waitFor(() => worker.output().split('configuration applied').length === 3)
  expect(await lastLine()).toBe('900')

  write('SCALING_POLICIES: { small: { min: 8, max: 7 } }\n')
  platform.gateway.child.kill('SIGHUP')
  await waitFor(() => platform.gateway.output().includes('min is 8, more than max'))
  expect(await maxOf()).toBe(6)
})
