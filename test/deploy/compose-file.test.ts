import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { options } from '../../core/config-options.ts'
import { cleanUp } from '../support/clean-up.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Service {
  image: string
  user?: string
  entrypoint?: string[]
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  privileged?: boolean
  ports?: string[]
  volumes?: string[]
  networks: string[]
  secrets?: string[]
  environment?: Record<string, string | number>
  restart?: string
  logging?: { options: Record<string, string> }
  profiles?: string[]
  stop_grace_period?: string
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>
  secrets: Record<string, { file: string }>
  networks: Record<string, { internal?: boolean } | null>
}
const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image.startsWith('noodle:'))

test('the image has the Node that package.json pins, and its version', () => {
  const dockerfile = read('Dockerfile')
  const pinned = Object.values(packageJson.optionalDependencies)
  expect(/^ARG NODE_VERSION=(.*)$/m.exec(dockerfile)?.[1]).toBe(pinned[0]?.split('.')[0])
  expect(/^ARG VERSION=(.*)$/m.exec(dockerfile)?.[1]).toBe(packageJson.version)
  for (const from of dockerfile.match(/^FROM .*$/gm) ?? [])
    expect(from).toContain('node:${NODE_VERSION}-bookworm-slim')
})

test('all containers are locked: read-only, without capabilities, bounded logs, started again', () => {
  for (const [name, service] of services) {
    expect({ name, ...service }).toMatchObject({
      name,
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: name === 'migrate' ? 'on-failure' : 'unless-stopped',
      logging: { options: { 'max-size': '10m', 'max-file': '3' } },
    })
    expect(service.privileged).toBeUndefined()
    if (service.cap_add) expect(['postgres', 'redis', 'redis-cache']).toContain(name)
    else expect(service.user).toMatch(/NOODLE_USER|^65534:(65534|\$\{DOCKER_GROUP:-0\})$/)
  }
})

test("the engine's socket is in one container, which only masters reach and which is not there by default", () => {
  const holders = services.filter(([, { volumes }]) => volumes?.join().includes('docker.sock'))
  expect(holders.map(([name]) => name)).toEqual(['engine-gate'])
  const gate = holders[0]?.[1]
  expect(gate).toMatchObject({ profiles: ['autoscale'], networks: ['engine'] })
  expect([gate?.ports, gate?.secrets]).toEqual([undefined, undefined])
  expect(compose.networks['engine']).toEqual({ internal: true })
  const inItsNetwork = services.filter(([, { networks }]) => networks.includes('engine'))
  expect(inItsNetwork.map(([name]) => name)).toEqual(['master', 'engine-gate'])
})

test('each tier has a worker that scaling copies', () => {
  for (const { name } of options.TIERS.parse(undefined))
    expect(compose.services[`worker-${name}`]).toMatchObject({
      labels: { 'noodle.scaling.model': name },
      environment: { TIER: name },
    })
})

test('only haproxy is published, the stores have no way out, and grace is longer than the drain', () => {
  const published = services.filter(([, { ports, profiles }]) => ports && !profiles).map(([name]) => name)
  expect(published).toEqual(['haproxy'])
  expect(compose.networks['back']?.internal).toBe(true)
  for (const name of ['postgres', 'redis', 'redis-cache'])
    expect(compose.services[name]?.networks).toEqual(['back'])
  const drainMs = options.DRAIN_DEADLINE_MS.parse(undefined)
  for (const [, { stop_grace_period: grace }] of ours)
    expect(Number.parseInt(grace ?? '0') * 1000).toBeGreaterThanOrEqual(drainMs + 10_000)
})

test('what the containers are told are options that there are, and secrets come as files only', () => {
  for (const [name, { environment = {}, secrets = [] }] of ours) {
    for (const [variable, value] of Object.entries(environment)) {
      const option = variable.replace(/_FILE$/, '')
      expect(Object.keys(options)).toContain(option)
      const isSecret = options[option as keyof typeof options].meta()?.['secret'] === true
      if (isSecret && !option.endsWith('_URL')) expect(variable).toMatch(/_FILE$/)
      if (variable.endsWith('_FILE')) expect(secrets).toContain(String(value).replace('/run/secrets/', ''))
      expect(String(value)).not.toMatch(/:\/\/[^@/]*:[^@/]+@/)
    }
    const used = new Set(
      Object.values(environment).map((value) => String(value).replace('/run/secrets/', '')),
    )
    expect({ name, unused: secrets.filter((secret) => !used.has(secret)) }).toEqual({ name, unused: [] })
  }
})

/** What make-secrets leaves in an empty checkout, and after it was called again. */
function makeSecrets(env = ''): { folder: string; again: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-secrets-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'scripts'))
  copyFileSync(join(root, 'scripts/make-secrets'), join(folder, 'scripts/make-secrets'))
  if (env) writeFileSync(join(folder, '.env'), env)
  const again = () => void execFileSync(join(folder, 'scripts/make-secrets'))
  again()
  return { folder, again }
}

test('make-secrets makes each secret once, for its owner alone', () => {
  const { folder, again } = makeSecrets('LOG_LEVEL=debug')
  const state = () =>
    readdirSync(join(folder, 'secrets')).map((name) => ({
      name,
      mode: (statSync(join(folder, 'secrets', name)).mode & 0o777).toString(8),
      text: readFileSync(join(folder, 'secrets', name), 'utf8'),
    }))
  const first = state()
  expect(first.map(({ name }) => name)).toEqual(Object.keys(compose.secrets).sort())
  for (const { name, mode, text } of first) {
    expect({ name, mode }).toEqual({ name, mode: '600' })
    expect(text).toMatch(name === 'admin_password' ? /^[\w-]{20}$/ : /^[\w-]{32,}$/)
  }
  expect(new Set(first.map(({ text }) => text)).size).toBe(first.length)
  const env = readFileSync(join(folder, '.env'), 'utf8')
  expect(env).toMatch(/^LOG_LEVEL=debug\nNOODLE_USER=[1-9]\d*:[1-9]\d*\n(DOCKER_GROUP=\d+\n)?$/)

  again()
  expect(state()).toEqual(first)
  expect(readFileSync(join(folder, '.env'), 'utf8')).toBe(env)
})
