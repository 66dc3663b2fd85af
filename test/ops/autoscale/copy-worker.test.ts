import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { copyWorker, type InspectedContainer } from '../../../ops/autoscale/docker/copy-worker.ts'
import { checkedCopy, readGateRequest } from '../../../ops/autoscale/docker/gate-rules.ts'

const id = 'c0ffee'.repeat(11).slice(0, 64)

/** A worker as an engine of today tells of one that Compose 2 has made. */
const model: InspectedContainer = {
  Id: id,
  Name: '/noodle-worker-small-1',
  Image: `sha256:${'a'.repeat(64)}`,
  Config: {
    ...{ Hostname: id.slice(0, 12), Domainname: '', User: '10001:10001', Image: 'noodle:local' },
    Env: ['TIER=small', 'NODE_TYPE=worker'],
    Labels: {
      'com.docker.compose.project': 'noodle',
      'com.docker.compose.service': 'worker-small',
      'com.docker.compose.container-number': '1',
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.replace': 'an earlier one',
      'noodle.scaling.model': 'small',
    },
    StopTimeout: 45,
  },
  HostConfig: {
    NetworkMode: 'noodle_back',
    Binds: null,
    Mounts: [
      { Type: 'bind', Source: '/srv/noodle/secrets/x', Target: '/run/secrets/x', ReadOnly: true },
      { Type: 'volume', Source: 'noodle_blobs', Target: '/var/lib/noodle/blobs', VolumeOptions: {} },
      { Type: 'volume', Source: 'b'.repeat(64), Target: '/var/lib/noodle' },
    ],
    ...{ RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 }, ReadonlyRootfs: true },
    ...{ DeviceRequests: [{ Driver: 'nvidia', Count: 1, Capabilities: [['gpu']] }] },
  },
  NetworkSettings: {
    Networks: {
      noodle_back: { Aliases: ['noodle-worker-small-1', 'worker-small', id.slice(0, 12)] },
      noodle_outside: { Aliases: ['noodle-worker-small-1', 'worker-small'] },
    },
  },
}
const names = { tier: 'small', number: 3, nodeId: 'noodle-scaled-small-3-0a1b2c' }

test('a copy of what Compose 2 has made shares all but names, and volumes without one', () => {
  const { name, body, joins } = copyWorker(model, 'noodle', names)
  expect(name).toBe('noodle-scaled-small-3')
  expect(body).toEqual({
    ...{ User: '10001:10001', Image: model.Image, StopTimeout: 45 },
    Env: ['TIER=small', 'NODE_TYPE=worker', 'NODE_ID=noodle-scaled-small-3-0a1b2c'],
    Labels: {
      'com.docker.compose.project': 'noodle',
      'com.docker.compose.service': 'worker-small',
      'com.docker.compose.container-number': '3',
      'com.docker.compose.oneoff': 'True',
      'noodle.scaling.tier': 'small',
      'noodle.scaling.node': names.nodeId,
      'noodle.scaling.from': id,
    },
    HostConfig: {
      ...model.HostConfig,
      ...{ Binds: [], AutoRemove: false, ContainerIDFile: '', PortBindings: {} },
      Mounts: [
        ...(model.HostConfig.Mounts?.slice(0, 2) ?? []),
        { Type: 'volume', Source: '', Target: '/var/lib/noodle' },
      ],
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    },
    NetworkingConfig: { EndpointsConfig: { noodle_back: { Aliases: ['worker-small'] } } },
  })
  expect(joins).toEqual([{ network: 'noodle_outside', endpoint: { Aliases: ['worker-small'] } }])
})

/** All places of a JSON value, as paths. */
function places(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))]
}

function withChange(value: unknown, [key, ...rest]: string[], change: (old: unknown) => unknown): unknown {
  if (key === undefined) return change(value)
  const copy = structuredClone(value) as Record<string, unknown>
  copy[key] = withChange(copy[key], rest, change)
  return copy
}

test('a body that differs from a copy anywhere is refused by the gate', () => {
  const { name, body } = copyWorker(model, 'noodle', names)
  const asSent = JSON.parse(JSON.stringify(body)) as unknown
  expect(checkedCopy({ name, body: asSent }, model, 'noodle')?.body).toEqual(body)
  // Of a number or a node's id that is as good, another copy comes.
  const free = ['Labels.com.docker.compose.container-number', 'Labels.noodle.scaling.node']
  const fixed = places(asSent).filter((path) => !free.includes(path.join('.')))
  fc.assert(
    fc.property(fc.constantFrom(...fixed), fc.jsonValue(), (path, other) => {
      const changed = withChange(asSent, path, (old) =>
        JSON.stringify(old) === JSON.stringify(other) ? { was: old } : other,
      )
      expect(checkedCopy({ name, body: changed }, model, 'noodle')).toBeNull()
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...places(asSent)),
      fc.string({ minLength: 1 }),
      fc.jsonValue(),
      (path, key, more) => {
        const changed = withChange(asSent, path, (old) =>
          Array.isArray(old) ? [...old, more] : { ...Object(old), [key]: more },
        )
        if (JSON.stringify(changed) === JSON.stringify(asSent)) return
        expect(checkedCopy({ name, body: changed }, model, 'noodle')).toBeNull()
      },
    ),
    { numRuns: 500 },
  )
})

test('the gate knows the requests of the driver, and no others', () => {
  const known = [
    ['GET', '/containers/json?all=1', 'list'],
    ['GET', `/containers/${id}/json`, 'inspect'],
    ['GET', `/containers/${id}/logs?tail=10`, 'log'],
    ['POST', '/containers/create?name=x', 'create'],
    ['POST', `/networks/noodle_back/connect`, 'join'],
    ['POST', `/containers/${id}/start`, 'start'],
    ['POST', `/containers/${id}/kill?signal=SIGTERM`, 'stop'],
    ['DELETE', `/containers/${id}?force=true`, 'remove'],
  ] as const
  for (const [method, path, what] of known) expect(readGateRequest(method, path)?.what).toBe(what)
  const words = [
    'containers',
    'images',
    'exec',
    'json',
    'create',
    'start',
    '..',
    '%2e%2e',
    'v1.41',
    'networks',
    'prune',
    id,
    '',
  ]
  const allowed = known.map(
    ([method, path]) => `${method} ${path.replace(/\?.*/, '').replaceAll(/c0ffee\w+|noodle_back/g, '*')}`,
  )
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'),
      fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }),
      (method, parts) => {
        const path = `/${parts.join('/')}`
        if (readGateRequest(method, `${path}?signal=SIGTERM`) === null) return
        const { pathname } = new URL(path, 'http://gate')
        // The third word may be a container's name, whatever it is.
        const shape = pathname.split('/').with(2, '*').join('/')
        expect([`${method} ${pathname}`, `${method} ${shape}`].some((one) => allowed.includes(one))).toBe(
          true,
        )
      },
    ),
    { numRuns: 2000 },
  )
})
