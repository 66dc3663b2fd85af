import { expect, test } from '@jest/globals'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openConfig } from '../../../core/live-config.ts'
import { makeConfigKeeper } from '../../../queue/use-cases/config-keeper.ts'
import { aFolder, runCli } from '../../support/cli.ts'
import { openTestQueue } from '../../support/test-queue.ts'

test('config shows values and where they come from, but no secrets', async () => {
  const folder = aFolder()
  writeFileSync(join(folder, 'staging.yaml'), 'LEASE_SECONDS: 7\n')
  writeFileSync(join(folder, 'redis-url'), 'redis://:hidden-too@127.0.0.1:6379\n')
  const env = {
    NOODLE_ENV: 'staging',
    NOODLE_CONFIG_DIR: folder,
    CONCURRENCY: '3',
    DATABASE_URL: 'postgres://noodle:hidden@127.0.0.1/noodle',
    REDIS_URL_FILE: join(folder, 'redis-url'),
  }
  const { code, stdout } = await runCli(['--json', 'config'], { env })
  expect(code).toBe(0)
  expect(stdout).not.toContain('hidden')
  const { options } = JSON.parse(stdout) as { options: { name: string }[] }
  const find = (name: string): unknown => options.find((option) => option.name === name)
  expect(find('LEASE_SECONDS')).toEqual({
    name: 'LEASE_SECONDS',
    value: 7,
    source: 'file',
    isLive: false,
  })
  expect(find('CONCURRENCY')).toMatchObject({ name: 'CONCURRENCY', value: 3, source: 'environment' })
  expect(find('REDIS_URL')).toMatchObject({
    value: 'redis://(not shown)@127.0.0.1:6379',
    source: 'secret file',
  })
  expect(find('KILL_GRACE_MS')).toMatchObject({ value: 5000, source: 'default' })
  expect(find('AUTH_JWT_SECRET')).toMatchObject({ value: null, source: 'not set' })

  const wrong = await runCli(['config'], { env: { CONCURRENCY: 'many', AUTH_JWT_SECRET: 'short' } })
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toMatch(
    /AUTH_JWT_SECRET: must be at least 32 bytes[\s\S]*CONCURRENCY: must be a number/,
  )
})

/** A folder with files of environments. */
function environments(files: Record<string, string>): string {
  const folder = join(aFolder(), 'config')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.yaml`), text)
  return folder
}

test('config validate checks the files of all environments, and warns of secrets in them', async () => {
  const NOODLE_CONFIG_DIR = environments({
    good: 'schema: 1\nCONCURRENCY: 3\n',
    later: 'schema: 2\nCONCURRENCY: 3\n',
    leaking: 'NOODLE_TOKEN: hidden\n',
    torn: 'CONCURRENCY: [3\nDATABASE_URL: postgres://noodle:hidden@db/noodle\n',
    wrong: 'CONCURRENCY: 0\nLOG_LEVEL: loud\nCONCURENCY: 1\n',
  })
  const env = { NOODLE_CONFIG_DIR, LEASE_SECONDS: 'long' }
  const all = await runCli(['config', 'validate'], { env })
  expect(all.code).toBe(1)
  expect(all.stdout).toMatch(
    /^ok .*good[^]*wrong .*later.yaml[^]*is of schema 2, and this version of Noodle reads 1[^]*ok .*leaking.yaml[^]*warning: .*NOODLE_TOKEN_FILE[^]*wrong .*torn.yaml[^]*can't be read[^]*wrong .*wrong.yaml[^]*no option CONCURENCY; did you mean CONCURRENCY\?[^]*LOG_LEVEL: [^]*CONCURRENCY: must be at least 1[^]*wrong environment\n.*LEASE_SECONDS: must be a number/,
  )
  expect(all.stdout).not.toContain('hidden')
  const { stdout } = await runCli(['--json', 'config', 'validate', join(NOODLE_CONFIG_DIR, 'good.yaml')], {
    env,
  })
  expect(JSON.parse(stdout)).toMatchObject({ validations: [{ problems: [], warnings: [] }] })
})

test('config diff compares files of environments with one another and with what runs, and history tells who took what', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const NOODLE_CONFIG_DIR = environments({ old: 'CRASH_LIMIT: 4\n', new: 'CRASH_LIMIT: 5\nTIER: [heavy]\n' })
  const env = { NOODLE_CONFIG_DIR, DATABASE_URL: databaseUrl }
  const run = (args: string[]) => runCli(['--json', 'config', ...args], { env })
  const differencesOf = async (left: string, right: string) => {
    const { code, stdout } = await run(['diff', left, right])
    return { code, differences: (JSON.parse(stdout) as { differences: unknown[] }).differences }
  }
  expect(await differencesOf('old', 'new')).toEqual({
    code: 1,
    differences: [
      { option: 'CRASH_LIMIT', process: null, left: 4, right: 5 },
      { option: 'TIER', process: null, left: ['small'], right: ['heavy'] },
    ],
  })

  const config = openConfig(['CRASH_LIMIT', 'TIERS', 'DATABASE_URL'], {
    env: { ...env, NOODLE_ENV: 'old' },
  })
  const keeper = makeConfigKeeper(deps, { config, process: 'ops', instance: 'here:1' })
  await keeper.start()
  expect(await differencesOf('old', 'running')).toEqual({ code: 0, differences: [] })
  expect(await differencesOf('running', 'new')).toEqual({
    code: 1,
    differences: [{ option: 'CRASH_LIMIT', process: 'ops', left: 4, right: 5 }],
  })
  writeFileSync(join(NOODLE_CONFIG_DIR, 'old.yaml'), 'CRASH_LIMIT: 6\n')
  await keeper.reload()
  const { stdout } = await run(['history'])
  expect((JSON.parse(stdout) as { items: unknown[] }).items).toMatchObject([
    { process: 'ops', instance: 'here:1', environment: 'old', reason: 'reload', changed: ['CRASH_LIMIT'] },
    { process: 'ops', reason: 'start', changed: [], hash: expect.stringMatching(/^[0-9a-f]{12}$/) },
  ])
})
