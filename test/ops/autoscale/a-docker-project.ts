import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { makeAskEngine } from '../../../ops/autoscale/docker/engine-client.ts'
import { makeEngineGate } from '../../../ops/autoscale/docker/engine-gate.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { containerTest, engine, engineAddress } from '../../support/container-test.ts'

let projects = 0

/** `containerTest` for what needs networks between containers, which not every engine can have; skipped, and said to be, where there are none. */
export const projectTest = containerTest !== test || hasNetworks() ? containerTest : test.skip
if (projectTest !== containerTest)
  test.skip('workers of a project (skipped: the container engine has no networks between containers)', () =>
    undefined)

function hasNetworks(): boolean {
  const docker = (...args: string[]) =>
    execFileSync('docker', ['--host', engineAddress, 'network', ...args], { stdio: 'ignore' })
  const probe = `noodle-test-${String(process.pid)}-probe`
  try {
    docker('create', '--internal', probe)
    docker('rm', probe)
    return true
  } catch {
    return false
  }
}

/** Ends in order at SIGTERM. */
const obedient = 'trap "exit 0" TERM; while :; do sleep 0.05; done'

/**
 * What Compose makes of a project with a worker of tier small, on the real engine: two networks, and a container in both, with a secret, limits and volumes without a
 * name that were carried over from an earlier container, as Compose 1 does it and as Compose 2 does. All of the project's is removed after the test.
 */
export async function aDockerProject(image: string, { script = obedient, graceSeconds = 20 } = {}) {
  const project = `noodle-test-${String(process.pid)}-${String(projects++)}`
  const folder = mkdtempSync(join(tmpdir(), 'noodle-project-'))
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'a secret')
  const ofProject = { all: true, filters: { label: [`com.docker.compose.project=${project}`] } }
  cleanUp(async () => {
    for (const { Id } of await engine.listContainers(ofProject))
      await engine.getContainer(Id).remove({ force: true, v: true })
    for (const network of networks) await engine.getNetwork(network).remove()
    for (const { name } of volumes) await engine.getVolume(name).remove()
    rmSync(folder, { recursive: true })
  })
  const networks = [`${project}_back`, `${project}_outside`]
  for (const Name of networks) await engine.createNetwork({ Name, Internal: true })
  const volumes = [await engine.createVolume(), await engine.createVolume()]
  for (const { name } of volumes) expect(name).toMatch(/^[0-9a-f]{64}$/)

  const make = async (name: string, labels: Record<string, string>) => {
    const container = await engine.createContainer({
      ...{ name: `${project}-${name}`, Image: image, Cmd: ['sh', '-c', script] },
      ...{ StopTimeout: graceSeconds, User: '65534:65534' },
      Env: ['TIER=small', 'NODE_ID=its-own'],
      Labels: {
        'com.docker.compose.project': project,
        'com.docker.compose.service': 'worker-small',
        ...labels,
      },
      ExposedPorts: { '9100/tcp': {} },
      HostConfig: {
        ...{
          NetworkMode: networks[0],
          Binds: [`${secret}:/run/secrets/x:ro`, `${volumes[0]?.name ?? ''}:/data`],
        },
        Mounts: [{ Type: 'volume', Source: volumes[1]?.name ?? '', Target: '/more' }],
        ...{ ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] },
        ...{ Memory: 67_108_864, NanoCpus: 500_000_000, PidsLimit: 64, Tmpfs: { '/tmp': 'size=1m' } },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
        RestartPolicy: { Name: 'unless-stopped' },
        PortBindings: { '9100/tcp': [{ HostPort: '' }] },
      },
      NetworkingConfig: { EndpointsConfig: { [networks[0] ?? '']: { Aliases: ['worker-small'] } } },
    })
    await engine
      .getNetwork(networks[1] ?? '')
      .connect({ Container: container.id, EndpointConfig: { Aliases: ['worker-small', 'other'] } })
    return container.inspect()
  }
  const model = await make('worker-small-1', {
    'noodle.scaling.model': 'small',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.container-number': '1',
    'com.docker.compose.config-hash': 'abc',
  })
  return {
    project,
    /** A container that was made and never started: a template. */
    model,
    networks,
    make,
    /** Those of the project that are no copies of the model, nor the model. */
    async copies() {
      const all = await engine.listContainers(ofProject)
      return all.filter(({ Labels }) => Labels['noodle.scaling.node'] !== undefined)
    },
    /** The gate before the engine, for this project. @returns its URL */
    async openGate() {
      const gate = makeEngineGate({
        ...{ port: 0, host: '127.0.0.1', log: silentLogger },
        ...{ ask: makeAskEngine(engineAddress, 20_000), project: () => Promise.resolve(project) },
      })
      cleanUp(() => gate.stop())
      await gate.start()
      return `http://127.0.0.1:${String(gate.port())}`
    },
  }
}
