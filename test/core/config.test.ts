import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, readConfig } from '../../core/config.ts'
import { cleanUp } from '../support/clean-up.ts'

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'noodle-config-'))
  cleanUp(() => rmSync(path, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

const problemsOf = (read: () => unknown): readonly string[] => {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('The configuration was taken.')
}

test('default < file of the environment < environment < secret file', () => {
  const dir = folder({ 'test.yaml': 'CONCURRENCY: 3\nLEASE_SECONDS: 7\nDISPATCH_WINDOW: 5\n', secret: '9\n' })
  const env = {
    NOODLE_ENV: 'test',
    NOODLE_CONFIG_DIR: dir,
    LEASE_SECONDS: '8',
    DISPATCH_WINDOW: '6',
    DISPATCH_WINDOW_FILE: join(dir, 'secret'),
  }
  expect(readConfig(['CRASH_LIMIT', 'CONCURRENCY', 'LEASE_SECONDS', 'DISPATCH_WINDOW'], env)).toEqual({
    CRASH_LIMIT: 3,
    CONCURRENCY: 3,
    LEASE_SECONDS: 8,
    DISPATCH_WINDOW: 9,
  })
})

test('every wrong option is named in one message', () => {
  const problems = problemsOf(() =>
    readConfig(['CONCURRENCY', 'PORT', 'DATABASE_URL', 'AUTH_JWT_SECRET'], {
      CONCURRENCY: '0',
      PORT: 'http',
      AUTH_JWT_SECRET: 'short',
    }),
  )
  expect(problems).toHaveLength(4)
  expect(problems.join('\n')).toMatch(
    /CONCURRENCY: .*1[^]*PORT: [^]*DATABASE_URL is not set[^]*AUTH_JWT_SECRET: must be at least 32 bytes/,
  )
})

test('a list that has a wrong entry is refused, and the entry named', () => {
  const env = { TASK_HTTP_ALLOW: 'public,10.0.0.0/33' }
  expect(problemsOf(() => readConfig(['TASK_HTTP_ALLOW'], env))).toEqual([
    'TASK_HTTP_ALLOW at 1: 10.0.0.0/33 is no network; write it as 10.0.0.0/8 or fd00::/8.',
  ])
})

test('a mistyped option in a file is refused with the one that was probably meant', () => {
  const dir = folder({ 'test.yaml': 'CONCURENCY: 3\n' })
  expect(
    problemsOf(() => readConfig(['CONCURRENCY'], { NOODLE_ENV: 'test', NOODLE_CONFIG_DIR: dir })),
  ).toEqual([`${join(dir, 'test.yaml')}: there is no option CONCURENCY; did you mean CONCURRENCY?`])
})

test('an environment without a file, and a secret file that is not there, are refused', () => {
  expect(
    problemsOf(() => readConfig(['PORT'], { NOODLE_ENV: 'moon', NOODLE_CONFIG_DIR: '/nowhere' }))[0],
  ).toMatch(/there is no \/nowhere\/moon\.yaml/)
  expect(problemsOf(() => readConfig(['PORT'], { PORT_FILE: '/nowhere' }))[0]).toMatch(
    /PORT_FILE names \/nowhere/,
  )
})

test('the tier table comes from JSON or from a file, and must make sense', () => {
  expect(readConfig(['TIERS'], { TIERS: '[{"name":"tiny","cpu":1,"memoryMb":64,"gpu":0}]' }).TIERS).toEqual([
    { name: 'tiny', cpu: 1, memoryMb: 64, gpu: 0 },
  ])
  expect(
    problemsOf(() => readConfig(['TIERS'], { TIERS: '[{"name":"tiny","cpu":-1,"memoryMb":64,"gpu":0}]' }))[0],
  ).toMatch(/^TIERS at 0\.cpu: /)
  expect(problemsOf(() => readConfig(['TIERS'], { TIERS: 'small' }))[0]).toMatch(/^TIERS: /)
})

test('LOG_LEVEL is taken in any case, and large is the tier heavy', () => {
  expect(readConfig(['LOG_LEVEL', 'TIER'], { LOG_LEVEL: 'INFO', TIER: 'small, large' })).toEqual({
    LOG_LEVEL: 'info',
    TIER: ['small', 'heavy'],
  })
})

test('a password of its own goes into the URL that has none', () => {
  const dir = folder({ password: 'a/b@c:d\n' })
  const env = {
    DATABASE_URL: 'postgres://noodle@db:5432/noodle',
    DATABASE_PASSWORD_FILE: join(dir, 'password'),
    REDIS_URL: 'redis://noodle:here@queue:6379',
    REDIS_PASSWORD: 'not taken',
    CACHE_REDIS_URL: 'redis://cache:6379',
    CACHE_REDIS_PASSWORD: 'soup',
  }
  const config = readConfig(['DATABASE_URL', 'REDIS_URL', 'CACHE_REDIS_URL'], env)
  expect(config.DATABASE_URL).toBe('postgres://noodle:a%2Fb%40c%3Ad@db:5432/noodle')
  expect(config.REDIS_URL).toBe(env.REDIS_URL)
  expect(config.CACHE_REDIS_URL).toBe('redis://:soup@cache:6379')
})

test('a password that can not go into its URL is an error that names both', () => {
  const env = { DATABASE_URL: 'postgres:///noodle?host=/run/postgresql', DATABASE_PASSWORD: 'soup' }
  expect(problemsOf(() => readConfig(['DATABASE_URL'], env))).toEqual([
    'DATABASE_PASSWORD: DATABASE_URL names no host, so a password can not be put into it.',
  ])
})

test('a file that is no YAML, no mapping, or of a later schema is refused with its name', () => {
  const dir = folder({ 'torn.yaml': 'PORT: [1', 'list.yaml': '- 1', 'later.yaml': 'schema: 2\nPORT: 1\n' })
  const problemOf = (name: string) =>
    problemsOf(() => readConfig(['PORT'], { NOODLE_ENV: name, NOODLE_CONFIG_DIR: dir }))[0]
  expect(problemOf('torn')).toMatch(/torn\.yaml can't be read: /)
  expect(problemOf('list')).toMatch(/list\.yaml must be a mapping/)
  expect(problemOf('later')).toMatch(/later\.yaml is of schema 2, and this version of Noodle reads 1/)
})
