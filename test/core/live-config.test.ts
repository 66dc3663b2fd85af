import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { options } from '../../core/config-options.ts'
import type { OptionName } from '../../core/config.ts'
import { isLive, openConfig } from '../../core/live-config.ts'
import { hashConfig, shownConfig, shownValue } from '../../core/shown-config.ts'
import { cleanUp } from '../support/clean-up.ts'

/** The configuration of an environment whose file can be written anew. */
function openWithFile<K extends OptionName>(names: readonly K[], text: string) {
  const dir = mkdtempSync(join(tmpdir(), 'noodle-config-'))
  cleanUp(() => rmSync(dir, { recursive: true }))
  const write = (content: string) => writeFileSync(join(dir, 'test.yaml'), content)
  write(text)
  return { config: openConfig(names, { env: { NOODLE_ENV: 'test', NOODLE_CONFIG_DIR: dir } }), write }
}

test('a reload takes over live options where they are read, and names the others', () => {
  const { config, write } = openWithFile(['CRASH_LIMIT', 'TIERS', 'PORT'], 'CRASH_LIMIT: 3\nPORT: 1\n')
  const { values } = config
  const hash = config.hash()
  write('CRASH_LIMIT: 4\nPORT: 2\n')
  expect(values.CRASH_LIMIT).toBe(3)
  expect(config.reload()).toEqual({ changed: ['CRASH_LIMIT'], restartNeeded: ['PORT'] })
  expect([values.CRASH_LIMIT, values.PORT]).toEqual([4, 1])
  expect(config.restartNeeded()).toEqual(['PORT'])
  expect(config.hash()).not.toBe(hash)
  write('CRASH_LIMIT: 3\nPORT: 1\n')
  expect(config.reload()).toEqual({ changed: ['CRASH_LIMIT'], restartNeeded: [] })
  expect(config.hash()).toBe(hash)
})

test('a reload of something wrong changes nothing at all', () => {
  const { config, write } = openWithFile(['CRASH_LIMIT', 'HAND_BACK_LIMIT'], 'CRASH_LIMIT: 3\n')
  for (const wrong of [
    'CRASH_LIMIT: 4\nHAND_BACK_LIMIT: none\n',
    'CRASH_LIMIT: [4',
    'CRASH_LIMIT: 4\nCRASH: 1\n',
  ]) {
    write(wrong)
    expect(() => config.reload()).toThrow('The configuration is wrong')
    expect(config.values).toEqual({ CRASH_LIMIT: 3, HAND_BACK_LIMIT: 20 })
  }
})

test('the hash is of what processes of a kind have in common, and tells nothing of secrets', () => {
  const hashOf = (env: Record<string, string>) =>
    openConfig(['CRASH_LIMIT', 'PORT', 'DATABASE_URL', 'NOODLE_TOKEN'], {
      env: { DATABASE_URL: 'postgres://u:one@db/noodle', ...env },
    }).hash()
  const usual = hashOf({})
  expect(usual).toMatch(/^[0-9a-f]{12}$/)
  expect(hashOf({ PORT: '1' })).toBe(usual)
  expect(hashOf({ DATABASE_URL: 'postgres://other:two@db/noodle?password=three' })).toBe(usual)
  expect(hashOf({ CRASH_LIMIT: '9' })).not.toBe(usual)
  expect(hashOf({ DATABASE_URL: 'postgres://u:one@elsewhere/noodle' })).not.toBe(usual)
  const withToken = hashOf({ NOODLE_TOKEN: 'one' })
  expect(withToken).not.toBe(usual)
  expect(hashOf({ NOODLE_TOKEN: 'two' })).toBe(withToken)
  expect(hashConfig({ a: 1, b: 2 })).toBe(hashConfig({ b: 2, a: 1 }))
})

test('no secret is shown, whatever it looks like', () => {
  const secrets = (Object.keys(options) as OptionName[]).filter(
    (name) => options[name].meta()?.['secret'] === true,
  )
  expect(secrets.length).toBeGreaterThan(8)
  const canary = 'postgres://canary-user:canary-password@host/db?password=canary-query'
  for (const name of secrets)
    expect(
      JSON.stringify([shownValue(name, canary), shownValue(name, [canary]), shownConfig({ [name]: canary })]),
    ).not.toContain('canary')
})

test('what a reload changes is no secret, nor anything that tells a process from its neighbours', () => {
  for (const name of (Object.keys(options) as OptionName[]).filter(isLive))
    expect(options[name].meta()).not.toMatchObject({ secret: true })
})
