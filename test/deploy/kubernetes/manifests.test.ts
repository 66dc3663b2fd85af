import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from '@jest/globals'
import { parse } from 'yaml'
import { schemaFaults, unknownFields } from './api-schema.ts'
import { clusterRules, tierFaults } from './cluster-rules.ts'
import { folder, kustomizeTest, type Manifest, ofKind, render, renderWith } from './kustomize.ts'
import { podRules } from './pod-rules.ts'
import { isNoodle, workloadsOf } from './pods.ts'
import { secretFiles } from './secret-files.ts'

/** Those that exclude each other are apart; each is in one of the two. */
const settings: Record<string, () => Manifest[]> = {
  production: () => [...render('overlays/production'), ...render('overlays/production/migrate')],
  development: () => [...render('overlays/development'), ...render('overlays/development/migrate')],
  'all components': () => renderWith(readdirSync(join(folder, 'components')).join(' ')),
}
const rules = { ...podRules, ...clusterRules }
const faultsIn = (manifests: readonly Manifest[]) => Object.values(rules).flatMap((rule) => rule(manifests))

describe.each(Object.keys(settings))('%s', (name) => {
  const manifests = () => settings[name]?.() ?? []

  kustomizeTest('the API takes it', async () => {
    expect(await schemaFaults(manifests())).toEqual([])
  })

  kustomizeTest('it keeps the rules of the house', () => {
    expect(faultsIn(manifests())).toEqual([])
  })

  kustomizeTest('each key of a Secret that it refers to stands in the example', () => {
    const example = parse(readFileSync(join(folder, 'secret.example.yaml'), 'utf8'))
    for (const workload of workloadsOf(manifests()))
      for (const { secret, items = [] } of (workload.pod.volumes ?? []).map(({ secret }) => ({
        secret,
        items: secret?.items ?? [],
      }))) {
        if (secret) expect(secret.secretName).toBe(example.metadata.name)
        for (const { key } of items) expect(Object.keys(example.stringData)).toContain(key)
      }
  })
})

kustomizeTest('the API knows each field of all of it', async () => {
  expect(await unknownFields(Object.values(settings).flatMap((manifests) => manifests()))).toBe('')
})

kustomizeTest('each key of the example is used, and gives the option that it is for', () => {
  const example = parse(readFileSync(join(folder, 'secret.example.yaml'), 'utf8'))
  const workloads = workloadsOf(settings['all components']?.() ?? [])
  const used = workloads.flatMap((workload) =>
    (workload.pod.volumes ?? []).flatMap(({ secret }) => secret?.items ?? []),
  )
  expect([...new Set(used.map(({ key }) => key))].sort()).toEqual(Object.keys(example.stringData).sort())
  const options = workloads.filter(isNoodle).flatMap(secretFiles)
  for (const { option, key } of options)
    expect(key).toBe(option === 'AUTH_JWT_SECRET' ? 'jwt_secret' : option.toLowerCase())
})

kustomizeTest(
  'workers are given no secret that only masters need, and a migration none but its database',
  () => {
    const keys = (name: string) =>
      workloadsOf(settings['production']?.() ?? [])
        .filter((workload) => workload.name === name)
        .flatMap((workload) => secretFiles(workload).map(({ key }) => key))
        .sort()
    expect(keys('noodle-master')).toEqual([
      'admin_password',
      'database_url',
      'jwt_secret',
      'redis_url',
      's3_access_key_id',
      's3_secret_access_key',
    ])
    expect(keys('noodle-worker-small')).toEqual([
      'database_url',
      'redis_url',
      's3_access_key_id',
      's3_secret_access_key',
    ])
    expect(keys('noodle-migrate')).toEqual(['database_url'])
  },
)

kustomizeTest('workers have the size of their tier', () => {
  expect(tierFaults(settings['production']?.() ?? [])).toEqual([])
  const offered = workloadsOf(settings['development']?.() ?? []).flatMap(({ env }) =>
    env['TIER'] ? [[env['TIER'], env['NODE_GPUS']]] : [],
  )
  expect(Object.fromEntries(offered)).toEqual({ small: undefined, medium: '1', heavy: '2' })
})

kustomizeTest('production has at least two masters, never two of a version on a machine', () => {
  const master = ofKind(settings['production']?.() ?? [], 'Deployment').find(
    ({ metadata }) => metadata.name === 'noodle-master',
  )
  expect(master?.['spec'].replicas).toBeGreaterThanOrEqual(2)
  expect(master?.['spec'].strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
  expect(master?.['spec'].template.spec.topologySpreadConstraints).toContainEqual({
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: master?.['spec'].selector.matchLabels },
    matchLabelKeys: ['pod-template-hash'],
  })
})

kustomizeTest(
  'the autoscaler may scale the three workers and look at pods, and nothing else; only masters have a token',
  () => {
    const manifests = renderWith('autoscaler')
    expect(ofKind(manifests, 'ClusterRole', 'ClusterRoleBinding')).toEqual([])
    expect(ofKind(manifests, 'Role').map(({ rules: granted }) => granted)).toEqual([
      [
        {
          apiGroups: ['apps'],
          resources: ['deployments/scale'],
          resourceNames: ['noodle-worker-small', 'noodle-worker-medium', 'noodle-worker-heavy'],
          verbs: ['get', 'update'],
        },
        { apiGroups: [''], resources: ['pods'], verbs: ['list', 'patch'] },
      ],
    ])
    const [binding] = ofKind(manifests, 'RoleBinding')
    expect(binding?.['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'noodle-master', namespace: 'noodle' },
    ])
    const withToken = workloadsOf(manifests).filter(({ pod }) =>
      pod.volumes?.some(({ projected }) =>
        projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken),
      ),
    )
    expect(withToken.map(({ name, pod }) => [name, pod.serviceAccountName])).toEqual([
      ['noodle-master', 'noodle-master'],
    ])
    const deployed = workloadsOf(manifests).map(({ name }) => name)
    expect(deployed).toEqual(
      expect.arrayContaining(['noodle-worker-small', 'noodle-worker-medium', 'noodle-worker-heavy']),
    )
  },
)

kustomizeTest('without it nobody has a token or a right at the API server', () => {
  const manifests = settings['production']?.() ?? []
  expect(ofKind(manifests, 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding')).toEqual([])
  for (const { pod } of workloadsOf(manifests))
    expect(pod.volumes?.filter(({ projected }) => projected)).toEqual([])
})

kustomizeTest('the pods run as the user of the image', () => {
  const dockerfile = join(folder, '../../Dockerfile')
  const [, user, group] = /^USER (\d+):(\d+)$/m.exec(readFileSync(dockerfile, 'utf8')) ?? []
  for (const { pod } of workloadsOf(settings['production']?.() ?? []))
    expect(pod.securityContext).toMatchObject({
      runAsUser: Number(user),
      runAsGroup: Number(group),
      fsGroup: Number(group),
    })
})

kustomizeTest('a rollout and the migration before it have one image', () => {
  const images = workloadsOf(settings['production']?.() ?? []).map(({ container }) => container.image)
  expect(images.length).toBeGreaterThan(4)
  expect(new Set(images).size).toBe(1)
})
