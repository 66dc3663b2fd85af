import { createServer } from 'node:net'
import { expect } from '@jest/globals'
import { type Logger, silentLogger } from '../../../core/logger.ts'
import { makeAutoscaler } from '../../../ops/autoscale/autoscaler.ts'
import { makeDockerDriver } from '../../../ops/autoscale/drivers/docker-driver.ts'
import { makePatient } from '../../../ops/autoscale/patient-driver.ts'
import { makeScalingPolicies } from '../../../queue/use-cases/scaling-policies.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { engine, engineAddress, useTestImage } from '../../support/container-test.ts'
import { openCuttingProxy } from '../../support/cutting-proxy.ts'
import { openTestQueue } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'
import { aDockerProject, projectTest } from './a-docker-project.ts'
import { listen } from '../../support/listen.ts'

const image = useTestImage()
/** For tests in which no call hangs. */
const life = new AbortController().signal

const aDriver = (project: string, { address = engineAddress, stopDeadlineMs = 0, log = silentLogger } = {}) =>
  makeDockerDriver({ address, project, stopDeadlineMs, log })

projectTest(
  'a node is a container like the worker of the compose project, with a name of its own',
  async () => {
    const { project, model, networks, copies } = await aDockerProject(image)
    const driver = aDriver(project)
    expect(await driver.list('small', life)).toEqual([])
    await driver.start('small', life)
    const [node] = await driver.list('small', life)
    expect(node).toEqual({
      id: expect.stringMatching(new RegExp(`^${project}-scaled-small-1-[0-9a-f]{6}$`)),
      ...{ tier: 'small', isStopping: false },
    })

    const [listed] = await copies()
    const copy = await engine.getContainer(listed?.Id ?? '').inspect()
    const { Config, HostConfig } = copy
    for (const [name, value] of Object.entries(model.HostConfig))
      if (!['Binds', 'RestartPolicy', 'PortBindings', 'Mounts'].includes(name))
        expect({ name, value: HostConfig[name as 'Memory'] }).toEqual({ name, value })
    expect(HostConfig.RestartPolicy).toMatchObject({ Name: 'no' })
    expect(HostConfig.PortBindings).toEqual({})
    expect(Config).toMatchObject({ Cmd: model.Config.Cmd, User: '65534:65534', StopTimeout: 20 })
    expect(copy.Image).toBe(model.Image)
    expect(Config.Env).toEqual(
      expect.arrayContaining(['TIER=small', 'FROM_IMAGE=yes', `NODE_ID=${node?.id ?? ''}`]),
    )
    expect(Config.Env).not.toContain('NODE_ID=its-own')
    expect(Config.Labels).toEqual({
      ...{ 'com.docker.compose.project': project, 'com.docker.compose.service': 'worker-small' },
      ...{ 'com.docker.compose.config-hash': 'abc', 'com.docker.compose.container-number': '1' },
      // Compose must neither count it nor take it for a surplus replica.
      'com.docker.compose.oneoff': 'True',
      ...{ 'noodle.scaling.tier': 'small', 'noodle.scaling.node': node?.id, 'noodle.scaling.from': model.Id },
    })
    // The secret is the same file; volumes without a name are its own.
    const sourceOf = (of: typeof copy, path: string) =>
      of.Mounts.find(({ Destination }) => Destination === path)
    expect(sourceOf(copy, '/run/secrets/x')).toEqual(sourceOf(model, '/run/secrets/x'))
    for (const path of ['/data', '/more']) {
      expect(sourceOf(copy, path)?.Name).toMatch(/^[0-9a-f]{64}$/)
      expect(sourceOf(copy, path)?.Name).not.toBe(sourceOf(model, path)?.Name)
    }
    // Prometheus finds workers by the name of their service.
    expect(Object.keys(copy.NetworkSettings.Networks).sort()).toEqual(networks.toSorted())
    for (const network of networks)
      expect(copy.NetworkSettings.Networks[network]?.Aliases).toContain('worker-small')
  },
)

projectTest('nodes are found again by whoever comes next; strangers count as none, and stay', async () => {
  const { project, make } = await aDockerProject(image)
  const stranger = await make('worker-small-2', {})
  await engine.getContainer(stranger.Id).start()
  const other = await aDockerProject(image)
  await aDriver(other.project).start('small', life)
  const before = aDriver(project)
  await before.start('small', life)
  await before.start('small', life)
  const nodes = await before.list('small', life)
  expect(nodes.map(({ id }) => id.replace(/-[0-9a-f]{6}$/, '').slice(-7)).sort()).toEqual([
    'small-1',
    'small-2',
  ])
  await before.close()

  const after = aDriver(project)
  expect(await after.list('small', life)).toEqual(nodes)
  for (const node of nodes) await after.stop(node, life)
  await waitFor(async () => (await after.list('small', life)).length === 0)
  expect((await engine.getContainer(stranger.Id).inspect()).State.Running).toBe(true)
  expect(await other.copies()).toHaveLength(1)
})

projectTest('a node that is stopped gets its time, and is removed with its own volumes', async () => {
  const { project, copies } = await aDockerProject(image)
  const driver = aDriver(project)
  await driver.start('small', life)
  const [node] = await driver.list('small', life)
  const [listed] = await copies()
  const { Mounts } = await engine.getContainer(listed?.Id ?? '').inspect()
  const scratch = Mounts.find(({ Destination }) => Destination === '/data')?.Name ?? ''
  await driver.stop(node ?? { id: '', tier: '', isStopping: false }, life)
  // Either it is on its way or it is gone already.
  expect((await driver.list('small', life)).every(({ isStopping }) => isStopping)).toBe(true)
  await waitFor(async () => (await driver.list('small', life)).length === 0)
  await waitFor(async () => (await copies()).length === 0)
  await expect(engine.getVolume(scratch).inspect()).rejects.toMatchObject({ statusCode: 404 })
  await driver.stop({ id: node?.id ?? '', tier: 'small', isStopping: false }, life) // gone: no error
})

projectTest('a node that does not end is killed once its grace is over, and not before', async () => {
  const deaf = 'trap "" TERM; while :; do sleep 0.05; done'
  const { project, copies } = await aDockerProject(image, { script: deaf, graceSeconds: 1 })
  const driver = aDriver(project, { stopDeadlineMs: 700 })
  await driver.start('small', life)
  const [node] = await driver.list('small', life)
  const stoppedAt = performance.now()
  await driver.stop(node ?? { id: '', tier: '', isStopping: false }, life)
  await waitFor(async () => {
    const nodes = await driver.list('small', life)
    if (performance.now() - stoppedAt < 900) expect(nodes).toEqual([{ ...node, isStopping: true }])
    return (await copies()).length === 0
  })
  expect(performance.now() - stoppedAt).toBeGreaterThan(1000) // the container's grace, the longer one
})

projectTest('containers that ended, or that somebody removed, are no nodes any more', async () => {
  const { project, copies } = await aDockerProject(image, {
    script: 'echo the reason >&2; sleep 0.3; exit 3',
  })
  const warnings: unknown[] = []
  const log: Logger = { ...silentLogger, warn: (_, fields) => void warnings.push(fields) }
  const driver = aDriver(project, { log })
  await driver.start('small', life)
  const [made] = await copies()
  await waitFor(async () => (await copies())[0]?.State === 'exited')
  expect(await driver.list('small', life)).toEqual([])
  expect(await copies()).toEqual([])
  // What it said is gone with it, so the log has the end of it.
  expect(warnings).toEqual([
    {
      ...{ nodeId: made?.Labels['noodle.scaling.node'], tier: 'small' },
      ...{ how: expect.stringContaining('Exited (3)'), lastLines: 'the reason' },
    },
  ])

  // The next start fails with it, so that the tier waits before it has another made.
  await expect(driver.start('small', life)).rejects.toThrow(
    /ended right after its start: Exited \(3\).*the reason/,
  )

  await driver.start('small', life)
  const [again] = await copies()
  await engine.getContainer(again?.Id ?? '').remove({ force: true })
  expect(await driver.list('small', life)).toEqual([])
})

projectTest('a start of which the answer is lost does not make two nodes', async () => {
  const { project, copies, openGate } = await aDockerProject(image)
  let lose: RegExp | undefined
  const proxy = await openCuttingProxy(await openGate(), ({ path }) => {
    if (!lose?.test(path)) return 'pass'
    lose = undefined
    return 'after'
  })
  const driver = aDriver(project, { address: proxy.url.replace('http', 'tcp') })
  // Made, and nobody knows: it is not started, so it is no node, and the next start takes its place.
  lose = /containers\/create/
  await expect(driver.start('small', life)).rejects.toThrow()
  expect(await copies()).toHaveLength(1)
  expect(await driver.list('small', life)).toEqual([])
  await driver.start('small', life)
  expect(await copies()).toHaveLength(1)
  // Started, and nobody knows: the next look finds it.
  lose = /\/start$/
  await driver.start('small', life)
  await driver.close() // what it has begun is over
  expect(lose).toBeUndefined()
  expect(await driver.list('small', life)).toHaveLength(2)

  // Of two that start the same node at once one gets it.
  const other = aDriver(project)
  await Promise.allSettled([driver.start('small', life), other.start('small', life)])
  await Promise.all([driver.close(), other.close()])
  expect(await other.list('small', life)).toHaveLength(3)
})

projectTest('workers that can not come up are not made one after another', async () => {
  const { deps } = await openTestQueue()
  const { project, copies } = await aDockerProject(image, { script: 'exit 3' })
  const ended: unknown[] = []
  const log: Logger = { ...silentLogger, warn: (told) => void ended.push(told) }
  const { of: policyOf } = makeScalingPolicies(deps.tiers, {
    default: { min: 0, max: 0 },
    small: { mode: 'manual', replicas: 2, max: 16 },
  })
  const autoscaler = makeAutoscaler(deps, {
    ...{ leader: { term: () => 1 }, driver: makePatient(aDriver(project, { log }), 10_000), policyOf },
    ...{ usual: { slots: 4, coldStartSeconds: 1 }, startDeadlineMs: 60_000, everyMs: 50 },
  })
  cleanUp(() => autoscaler.stop())
  await autoscaler.start()
  const failed = 'noodle_node_start_failures_total{tier="small"} 1\n'
  await waitFor(async () => (await deps.metrics.registry.metrics()).includes(failed))
  await waitFor(() => ended.length === 2)
  for (let look = 0; look < 3; look++) {
    const before = (await deps.scaling.findState('small'))?.decidedAt?.getTime()
    await waitFor(async () => (await deps.scaling.findState('small'))?.decidedAt?.getTime() !== before)
  }
  // The next ones are asked for in 10 s.
  expect(await copies()).toEqual([])
  expect(ended).toEqual(Array.from({ length: 2 }, () => 'a worker container ended by itself, it is removed'))
})

projectTest('an engine that hangs or is away is an error in time, and never no nodes', async () => {
  const deaf = await listen(createServer())
  const hanging = makePatient(aDriver('p', { address: `tcp://${deaf.address}` }), 100)
  await expect(hanging.list('small')).rejects.toThrow('did not answer within 100 ms')
  await expect(hanging.start('small')).rejects.toThrow('did not answer within 100 ms')
  expect(hanging.unanswered('small')).toBe(1)
  await deaf.close()
  await expect(aDriver('p', { address: `tcp://${deaf.address}` }).list('small', life)).rejects.toThrow()
})

projectTest('a tier without a container to copy says how to get one', async () => {
  const { project } = await aDockerProject(image)
  await expect(aDriver(project).start('heavy', life)).rejects.toThrow('noodle.scaling.model=heavy')
  const driver = makeDockerDriver({
    address: engineAddress,
    project: undefined,
    stopDeadlineMs: 0,
    log: silentLogger,
  })
  await expect(driver.list('small', life)).rejects.toThrow('SCALING_DOCKER_PROJECT')
})
