import { expect, test } from '@jest/globals'
import { findCluster } from '../../../../ops/autoscale/drivers/kubernetes/find-cluster.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { certificateTest } from '../../../support/certificates.ts'
import { granted, openDouble } from './open-double.ts'

/*
 * No cluster can be had where the tests run: the driver and its client, over TLS and with a bearer token, against a double of the API server that speaks its protocol. What
 * is granted is what the manifests grant.
 */

const never = new AbortController().signal

certificateTest(
  'a node that is asked for counts before it is a pod; a drained pod is the one that goes',
  async () => {
    const { cluster, deployment, openDriver, bringUp, drain, server } = await openDouble({ quota: 3 })
    bringUp()
    const { driver } = openDriver()
    await driver.start('small', never)
    await driver.start('small', never) // no room for its pod
    expect(deployment.replicas).toBe(4)
    const listed = await driver.list('small', never)
    expect(listed.map(({ isPromised = false }) => isPromised)).toEqual([false, false, false, true])
    bringUp()
    const [, drained] = listed
    if (!drained) throw new Error('There is no second node.')

    await driver.drain(drained, never)
    await expect(driver.stop(drained, never)).rejects.toThrow('it is still ready')
    drain(drained.id)
    await expect(driver.stop(drained, never)).rejects.toThrow('1 replicas have no pod yet')
    const [promised] = listed.filter(({ isPromised }) => isPromised)
    if (promised) await driver.stop(promised, never)
    expect(deployment.replicas).toBe(3)

    await driver.stop(drained, never)
    expect(deployment.replicas).toBe(2)
    const ending = [...cluster.pods.values()].filter(({ isTerminating }) => isTerminating)
    expect(ending.map(({ name, annotations }) => [name, annotations])).toEqual([
      [drained.id, expect.objectContaining({ 'controller.kubernetes.io/pod-deletion-cost': '-2147483648' })],
    ])
    expect(await driver.list('small', never)).toContainEqual({ ...drained, isStopping: true })
    await driver.stop(drained, never) // again is no error, and changes nothing
    expect(deployment.replicas).toBe(2)
    expect(cluster.killed).toEqual([])
    expect(server.told.connections).toBeLessThan(4) // they are kept
  },
)

certificateTest('the mark of a pod that drains is taken back when it shall take jobs again', async () => {
  const { cluster, openDriver, bringUp } = await openDouble()
  bringUp()
  const { driver } = openDriver()
  const [node] = await driver.list('small', never)
  if (!node) throw new Error('There is no node.')
  const marks = () => [...cluster.pods.values()].find(({ name }) => name === node.id)?.annotations
  await driver.drain(node, never)
  expect(marks()).toEqual({ 'controller.kubernetes.io/pod-deletion-cost': '-1000000' })
  await driver.recall(node, never)
  await driver.recall(node, never) // again is no error
  expect(marks()).toEqual({})
})

certificateTest('a node more waits until the pods that go are gone from the count', async () => {
  const { cluster, deployment, openDriver, bringUp, drain } = await openDouble({ lagMs: 1000 })
  cluster.advance(5000)
  bringUp()
  const { driver } = openDriver()
  const [node] = await driver.list('small', never)
  if (!node) throw new Error('There is no node.')
  drain(node.id)
  await driver.stop(node, never)
  expect([deployment.replicas, cluster.pods.size]).toEqual([1, 2])
  let isStarted = false
  const started = driver.start('small', never).then(() => (isStarted = true))
  await driver.list('small', never)
  expect([deployment.replicas, isStarted]).toEqual([1, false])
  cluster.advance(5000)
  await started
  expect(deployment.replicas).toBe(2)
})

certificateTest('a replica without a pod is not given up while its pod may be in the making', async () => {
  const { deployment, openDriver } = await openDouble({ quota: 2 })
  const { driver } = openDriver({ settleMs: 60_000 })
  await driver.start('small', never)
  const promised = (await driver.list('small', never)).find(({ isPromised }) => isPromised)
  if (!promised) throw new Error('No node is promised.')
  await expect(driver.stop(promised, never)).rejects.toThrow('its pod may be in the making')
  expect(deployment.replicas).toBe(3)
})

certificateTest('what others change at the same time is neither lost nor done twice', async () => {
  const { cluster, deployment, openDriver, server } = await openDouble()
  const { driver } = openDriver()
  // While the driver looks, and just before it writes.
  for (const moment of ['list', 'update']) {
    server.told.before = ({ verb }) => {
      if (verb !== moment) return
      server.told.before = undefined
      cluster.setScale(deployment.name, deployment.replicas + 5)
    }
    await driver.start('small', never)
  }
  expect(deployment.replicas).toBe(2 + 5 + 1 + 5 + 1)
})

certificateTest(
  'a server that throttles or fails is asked again, but what may have been done is not done again',
  async () => {
    const { deployment, openDriver, server } = await openDouble()
    const { driver } = openDriver()
    const throttled = { status: 429, reason: 'TooManyRequests', headers: { 'retry-after': '2' } }
    const failed = { status: 500, reason: 'InternalError' }
    server.told.refusals.push(throttled, failed)
    const startedMs = performance.now()
    expect(await driver.list('small', never)).toHaveLength(2)
    expect(performance.now() - startedMs).toBeGreaterThan(2000)

    const done = { ...failed, isDone: true }
    server.told.before = ({ verb }) => {
      if (verb !== 'update') return
      server.told.before = undefined
      server.told.refusals.push(done)
    }
    await expect(driver.start('small', never)).rejects.toThrow('answered 500 to update deployments/scale')
    expect(deployment.replicas).toBe(3)
    server.told.before = undefined
    server.told.refusals = Array.from({ length: 5 }, () => ({ ...failed, status: 503 }))
    await expect(driver.list('small', never)).rejects.toThrow('answered 503 to get deployments/scale')
  },
)

certificateTest('a list whose pages have expired is read anew', async () => {
  const { openDriver, server } = await openDouble({ replicas: 5 })
  server.told.pageSize = 2
  let lists = 0
  server.told.before = ({ verb }) => {
    if (verb === 'list' && ++lists === 3) server.expirePages()
  }
  const nodes = await openDriver().driver.list('small', never)
  expect(new Set(nodes.map(({ id }) => id)).size).toBe(5)
  expect(lists).toBe(6)
})

certificateTest('the Role of the manifests grants all that is needed, and nothing else', async () => {
  const { cluster, openDriver, bringUp, drain, server } = await openDouble()
  bringUp()
  const { driver, errors } = openDriver()
  await driver.start('small', never)
  bringUp()
  const [node] = await driver.list('small', never)
  if (!node) throw new Error('There is no node.')
  await driver.drain(node, never)
  drain(node.id)
  await driver.stop(node, never)
  expect([...cluster.pods.values()].filter(({ isTerminating }) => isTerminating)).toHaveLength(1)
  expect(errors).toEqual([])
  const needed = new Set(server.told.requests.map((request) => request.replace(/ noodle-worker-.*/, '')))
  const rights = granted().flatMap(({ verbs, resources }) =>
    verbs.flatMap((verb) => resources.map((resource) => `${verb} ${resource}`)),
  )
  expect([...needed].sort()).toEqual(rights.sort())
})

const rights: [verb: string, resource: string][] = [
  ['get', 'deployments/scale'],
  ['update', 'deployments/scale'],
  ['list', 'pods'],
  ['patch', 'pods'],
]
certificateTest.each(rights)(
  'without the right to %s %s it is named once, and nothing is taken for empty',
  async (verb, resource) => {
    const rules = granted().map((rule) =>
      rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
    )
    const { openDriver, cluster } = await openDouble({ rules })
    const { driver, errors } = openDriver()
    const [pod] = cluster.pods.values()
    const attempt = async () => {
      await driver.list('small', never)
      await driver.start('small', never)
      await driver.drain({ id: pod?.name ?? '', tier: 'small', isStopping: false }, never)
    }
    await expect(attempt()).rejects.toThrow(`may not ${verb} ${resource}`)
    await expect(attempt()).rejects.toThrow(`may not ${verb} ${resource}`)
    expect(errors).toEqual([
      [
        expect.stringContaining('lacks a right'),
        expect.objectContaining({ verb, resource, namespace: 'noodle' }),
      ],
    ])
  },
)

certificateTest(
  'only who has the certificate of the cluster is spoken to, and only who has a token is answered',
  async () => {
    const { tokens, openDriver, server } = await openDouble()
    tokens.clear()
    await expect(openDriver().driver.list('small', never)).rejects.toThrow('answered 401')
    expect(server.told.requests).toEqual([])
    const late = AbortSignal.timeout(200) // a connection is tried again
    await expect(openDriver({ authority: 'other.crt' }).driver.list('small', late)).rejects.toThrow()
    expect(server.told.requests).toEqual([])
  },
)

certificateTest(
  'a call ends with its signal; a tier without a Deployment has no nodes and gets none',
  async () => {
    const { openDriver, server } = await openDouble()
    const { driver } = openDriver({ tiers: ['small', 'medium'] })
    expect(await driver.list('small', never)).toHaveLength(2)
    await expect(driver.start('medium', never)).rejects.toThrow('There is no Deployment noodle-worker-medium')

    let hung = 0
    server.told.before = () => {
      hung++
      return 'hang'
    }
    const late = new AbortController()
    const listed = driver.list('small', late.signal)
    await waitFor(() => hung > 0)
    late.abort()
    await expect(listed).rejects.toThrow()
  },
)

test('without a service account and KUBECONFIG the start says what is missing', () => {
  expect(() => findCluster(undefined)).toThrow('needs the service account of a pod')
  expect(() => findCluster('/nowhere/config')).toThrow("KUBECONFIG /nowhere/config can't be read")
})
