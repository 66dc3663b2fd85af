import { createHash } from 'node:crypto'
import { createServer, request } from 'node:http'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { copyWorker, type InspectedContainer } from '../../../ops/autoscale/docker/copy-worker.ts'
import { makeAskEngine } from '../../../ops/autoscale/docker/engine-client.ts'
import { makeEngineGate } from '../../../ops/autoscale/docker/engine-gate.ts'
import { makeDockerDriver } from '../../../ops/autoscale/drivers/docker-driver.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { engine, useTestImage } from '../../support/container-test.ts'
import { waitFor } from '../../support/wait-for.ts'
import { aDockerProject, projectTest } from './a-docker-project.ts'
import { listen } from '../../support/listen.ts'

const image = useTestImage()
const life = new AbortController().signal

/** A request with the path as it is: fetch would tidy it up. */
const ask = (gate: string, method: string, path: string, body?: unknown) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const { hostname: host, port } = new URL(gate)
    const asked = request({ host, port, method, path, agent: false }, (response) => {
      let text = ''
      response
        .setEncoding('utf8')
        .on('data', (piece: string) => (text += piece))
        .on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.on('error', reject)
    asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })

projectTest('through the gate the driver does all that it does', async () => {
  const { project, copies, openGate } = await aDockerProject(image)
  const address = (await openGate()).replace('http', 'tcp')
  const driver = makeDockerDriver({ address, project, stopDeadlineMs: 0, log: silentLogger })
  await driver.start('small', life)
  const [node] = await driver.list('small', life)
  const [copy] = await copies()
  expect(Object.keys(copy?.NetworkSettings.Networks ?? {})).toHaveLength(2)
  await driver.stop(node ?? { id: '', tier: '', isStopping: false }, life)
  await waitFor(async () => (await driver.list('small', life)).length === 0)
  expect(await copies()).toEqual([])
})

projectTest('the gate lets nothing else through', async () => {
  const { project, model, make, copies, networks, openGate } = await aDockerProject(image)
  const other = await aDockerProject(image)
  const foreign = other.model.Id
  const db = await make('postgres-1', { 'com.docker.compose.service': 'postgres' })
  const gate = await openGate()
  const driver = makeDockerDriver({
    ...{ address: gate.replace('http', 'tcp'), project, stopDeadlineMs: 0, log: silentLogger },
  })
  await driver.start('small', life)
  await driver.close() // it runs
  const [own] = await copies()
  const id = own?.Id ?? ''
  const inspected = async (of: string) => {
    const { State, Config, HostConfig, NetworkSettings } = await engine.getContainer(of).inspect()
    const seen = JSON.stringify({ State, Config, HostConfig, networks: NetworkSettings.Networks })
    return createHash('sha256').update(seen).digest('hex')
  }
  const all = [id, model.Id, db.Id, foreign]
  const before = await Promise.all(all.map(inspected))

  const refused: [string, string, unknown?][] = [
    ...[
      '/version',
      '/info',
      '/events',
      '/images/json',
      '/volumes',
      '/networks',
      '/secrets',
      '/swarm',
      '/',
    ].map((path): [string, string] => ['GET', path]),
    ...['top', 'changes', 'export', 'stats', 'archive?path=/run/secrets', 'attach/ws', 'logs?follow=1'].map(
      (deed): [string, string] => ['GET', `/containers/${id}/${deed}`],
    ),
    ...[
      'exec',
      'attach',
      'update',
      'rename?name=x',
      'pause',
      'restart',
      'stop',
      'resize',
      'wait',
      'kill',
    ].map((deed): [string, string] => ['POST', `/containers/${id}/${deed}`]),
    ['POST', `/containers/${id}/kill?signal=SIGKILL`],
    ['PUT', `/containers/${id}/archive?path=/`],
    ['POST', '/containers/prune'],
    ['POST', '/images/create?fromImage=x'],
    ['POST', '/build'],
    ['POST', '/commit?container=x'],
    ['POST', '/volumes/create', { Name: 'x' }],
    ['POST', '/networks/create', { Name: 'x' }],
    ['POST', '/networks/host/connect', { Container: id, EndpointConfig: { Aliases: [] } }],
    ['POST', `/networks/${networks[1] ?? ''}/disconnect`, { Container: id }],
    ['DELETE', `/networks/${networks[1] ?? ''}`],
    ['DELETE', `/images/${image}`],
    ['HEAD', '/containers/json'],
    // Other ways to write a path.
    ...[
      '/v1.41/images/json',
      '/containers/../images/json',
      '//containers/json',
      '/containers/json/',
      '/%63ontainers/json',
    ].map((path): [string, string] => ['GET', path]),
    ['GET', `/containers/..%2Finfo/json`],
    ['POST', `/containers/${id}%2Fexec/start`],
    // What is of the project and no copy is not touched; what is of another is not even there.
    ...[model.Id, db.Id, foreign].flatMap((of): [string, string][] => [
      ['POST', `/containers/${of}/start`],
      ['POST', `/containers/${of}/kill?signal=SIGTERM`],
      ['DELETE', `/containers/${of}?force=1`],
      ['GET', `/containers/${of}/logs?stdout=1`],
    ]),
    ['GET', `/containers/${db.Id}/json`],
    ['GET', `/containers/${foreign}/json`],
    ['POST', `/networks/${networks[1] ?? ''}/connect`, { Container: db.Id, EndpointConfig: { Aliases: [] } }],
    [
      'POST',
      `/networks/${networks[1] ?? ''}/connect`,
      { Container: id, EndpointConfig: { Aliases: ['postgres'] } },
    ],
    [
      'POST',
      `/networks/${other.networks[0] ?? ''}/connect`,
      { Container: id, EndpointConfig: { Aliases: [] } },
    ],
    ['POST', `/networks/${networks[0] ?? ''}/connect`, 'not JSON'],
    ['POST', '/containers/create?name=x', ' '.repeat(300_000)],
  ]
  for (const [method, path, body] of refused) {
    const { status, text } = await ask(gate, method, path, body)
    expect({ method, path, isRefused: [400, 403, 404, 413].includes(status), text }).toMatchObject({
      ...{ method, path, isRefused: true },
    })
  }
  expect(await Promise.all(all.map(inspected))).toEqual(before)
  const { text } = await ask(gate, 'GET', `/containers/json?all=1&filters=${encodeURIComponent('{}')}`)
  expect((JSON.parse(text) as { Id: string }[]).map(({ Id }) => Id).sort()).toEqual(
    [id, model.Id, db.Id].sort(),
  )
})

projectTest('the gate makes copies of workers to the letter', async () => {
  const { project, model, make, copies, openGate } = await aDockerProject(image)
  const db = await make('postgres-1', { 'com.docker.compose.service': 'postgres' })
  const gate = await openGate()
  const names = { tier: 'small', number: 1, nodeId: 'n-1' }
  const copyOf = (of: unknown, named = names) => copyWorker(of as InspectedContainer, project, named)
  const copy = copyOf(model)
  const { HostConfig, Labels, Env } = copy.body as {
    HostConfig: { Binds: string[] }
    Labels: Record<string, string>
    Env: string[]
  }
  const host = (more: object) => ({ ...copy.body, HostConfig: { ...HostConfig, ...more } })
  const wrong: [string, unknown][] = [
    ['privileged', host({ Privileged: true })],
    ['a mount of the machine', host({ Binds: [...HostConfig.Binds, '/:/host'] })],
    ['the engine', host({ Mounts: [{ Type: 'bind', Source: '/var/run/docker.sock', Target: '/x' }] })],
    ['a capability', host({ CapAdd: ['SYS_ADMIN'] })],
    ['processes of the machine', host({ PidMode: 'host' })],
    ['the network of the machine', host({ NetworkMode: 'host' })],
    [
      'a device',
      host({ Devices: [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/sda', CgroupPermissions: 'rwm' }] }),
    ],
    ['no limit of memory', host({ Memory: 0 })],
    ['started again', host({ RestartPolicy: { Name: 'always' } })],
    ['ports', host({ PortBindings: { '22/tcp': [{ HostPort: '22' }] } })],
    ['another image', { ...copy.body, Image: 'busybox' }],
    ['another program', { ...copy.body, Cmd: ['sh', '-c', 'true'] }],
    ['as root', { ...copy.body, User: '0' }],
    ['one more variable', { ...copy.body, Env: [...Env, 'NODE_OPTIONS=--inspect'] }],
    ['one more field', { ...copy.body, Hostname: 'x' }],
    ['one more network', { ...copy.body, NetworkingConfig: { EndpointsConfig: { host: {} } } }],
    ['no worker', copyOf(db).body],
    ['a model that is none', { ...copy.body, Labels: { ...Labels, 'noodle.scaling.from': 'x' } }],
    ['a model itself', { ...copy.body, Labels: { ...Labels, 'noodle.scaling.model': 'small' } }],
    ['another project', { ...copy.body, Labels: { ...Labels, 'com.docker.compose.project': 'x' } }],
    ['the 101st', copyOf(model, { ...names, number: 101 }).body],
    ['a node id with more in it', copyOf(model, { ...names, nodeId: 'x\nA=b' }).body],
    ['of another tier', copyOf(model, { ...names, tier: 'heavy' }).body],
    ['nothing', undefined],
    ['null', 'null'],
  ]
  for (const [what, body] of wrong) {
    const { status } = await ask(gate, 'POST', `/containers/create?name=${copy.name}`, body)
    expect({ what, isRefused: status === 403 || status === 404 }).toEqual({ what, isRefused: true })
  }
  expect((await ask(gate, 'POST', '/containers/create?name=postgres', copy.body)).status).toBe(403)
  expect(await copies()).toEqual([])

  expect((await ask(gate, 'POST', `/containers/create?name=${copy.name}`, copy.body)).status).toBe(201)
  expect((await ask(gate, 'POST', `/containers/create?name=${copy.name}`, copy.body)).status).toBe(409)
  const [made] = await copies()
  // A copy is no model.
  const again = copyOf(await engine.getContainer(made?.Id ?? '').inspect(), { ...names, number: 2 })
  expect((await ask(gate, 'POST', `/containers/create?name=${again.name}`, again.body)).status).toBe(404)
})

test('while the engine is away or hangs the gate says so, in time', async () => {
  const deaf = await listen(createServer(() => undefined))
  const gate = makeEngineGate({
    ...{ port: 0, host: '127.0.0.1', log: silentLogger, project: () => Promise.resolve('p') },
    ask: makeAskEngine(`tcp://${deaf.address}`, 100),
  })
  cleanUp(() => gate.stop())
  await gate.start()
  const url = `http://127.0.0.1:${String(gate.port())}`
  const said = { status: 502, text: expect.stringContaining('does not answer') }
  expect(await ask(url, 'GET', '/containers/json')).toEqual(said)
  await deaf.close()
  expect(await ask(url, 'GET', '/containers/json')).toEqual(said)
})
