import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pids } from './rolling-restart.ts'
import { expectThat, type Scenario } from './scenario.ts'
import type { Container, Stack } from './stack.ts'

interface Inspected {
  Name: string
  HostConfig: {
    ReadonlyRootfs: boolean
    Privileged: boolean
    PidMode: string
    IpcMode: string
    NetworkMode: string
    UsernsMode: string
    SecurityOpt: string[]
    Devices: unknown[] | null
  }
  Mounts: { Type: string; Source: string; Destination: string; RW: boolean }[]
}

/** What a container needs to get out of itself is not there, and no secret is where it can be read without being root of this machine. */
export const escapes: Scenario = async (stack, _client) => {
  const containers = await stack.containers()
  const inspected = JSON.parse(
    await stack.docker('inspect', ...containers.map(({ id }) => id)),
  ) as Inspected[]
  for (const { Name, HostConfig, Mounts } of inspected) {
    const seen = JSON.stringify({ HostConfig, Mounts })
    expectThat(
      HostConfig.ReadonlyRootfs && !HostConfig.Privileged,
      `${Name} may write its root, or is privileged: ${seen}`,
    )
    expectThat(
      [HostConfig.PidMode, HostConfig.NetworkMode, HostConfig.IpcMode, HostConfig.UsernsMode].every(
        (mode) => mode !== 'host',
      ),
      `${Name} shares a namespace of the machine: ${seen}`,
    )
    expectThat((HostConfig.Devices ?? []).length === 0, `${Name} has devices: ${seen}`)
    for (const { Type, Source, Destination, RW } of Mounts) {
      expectThat(!/docker\.sock|containerd/.test(Source), `${Name} reaches the engine by ${Source}.`)
      expectThat(
        Type !== 'bind' || (!RW && Source.startsWith(stack.folder)),
        `${Name} has ${Source} at ${Destination}.`,
      )
    }
  }

  const processes = await expectLocked(stack, containers)

  const images = await stack.images()
  const told = [
    JSON.stringify(inspected),
    await stack.docker('image', 'inspect', ...images),
    ...(await Promise.all(images.map((image) => stack.docker('history', '--no-trunc', image)))),
    await stack.compose('config'),
    await stack.compose('logs', '--no-color'),
  ].join('\n')
  const secrets = readdirSync(join(stack.folder, 'secrets')).map((name) => ({
    name,
    text: readFileSync(join(stack.folder, 'secrets', name), 'utf8'),
  }))
  for (const { name, text } of secrets)
    expectThat(!told.includes(text), `${name} can be read from the engine, or in a log.`)

  const [haproxy] = await stack.containers('haproxy')
  const [redis] = await stack.containers('redis')
  const reach = (id: string, host: string, port: number): Promise<boolean> =>
    stack.docker('exec', id, 'timeout', '3', 'bash', '-c', `exec 3<>/dev/tcp/${host}/${String(port)}`).then(
      () => true,
      () => false,
    )
  expectThat(await reach(haproxy?.id ?? '', 'master', 8080), 'haproxy does not reach the masters.')
  for (const [store, port] of [
    ['postgres', 5432],
    ['redis', 6379],
    ['redis-cache', 6379],
  ] as const)
    expectThat(!(await reach(haproxy?.id ?? '', store, port)), `haproxy reaches ${store}.`)
  expectThat(!(await reach(redis?.id ?? '', '192.0.2.1', 80)), 'redis has a way out.')

  return `${String(processes)} processes in ${String(containers.length)} containers: none is root, has a capability, can get one, or writes its root; ${String(secrets.length)} secrets are in no inspection, history, configuration or log`
}

/** No process of these containers is root, has a capability, can get one, or writes its root. @returns how many there are */
export async function expectLocked(stack: Stack, containers: readonly Container[]): Promise<number> {
  let processes = 0
  for (const { id, name } of containers) {
    for (const pid of await pids(stack.docker, id)) {
      const status = readStatus(pid)
      if (!status) continue // a health check that has ended
      processes++
      const user = status['Uid']?.split('\t')[0]
      expectThat(user !== '0', `${name}: process ${String(pid)} (${String(status['Name'])}) is root.`)
      for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
        expectThat(
          /^0+$/.test(status[set] ?? ''),
          `${name}: process ${String(pid)} has capabilities: ${set} ${String(status[set])}`,
        )
      expectThat(status['NoNewPrivs'] === '1', `${name}: process ${String(pid)} can get privileges.`)
      expectThat(
        status['Seccomp'] === '2',
        `${name}: process ${String(pid)} may call the kernel as it likes.`,
      )
    }
    const wrote = await stack.docker(
      'exec',
      id,
      'sh',
      '-c',
      'touch /escaped /etc/escaped /usr/escaped 2>/dev/null; ls /escaped /etc/escaped /usr/escaped 2>/dev/null || true',
    )
    expectThat(wrote.trim() === '', `${name} wrote ${wrote}`)
  }
  return processes
}

function readStatus(pid: number): Record<string, string> | undefined {
  try {
    return Object.fromEntries(
      readFileSync(`/proc/${String(pid)}/status`, 'utf8')
        .split('\n')
        .map((line) => line.split(/:\t/) as [string, string]),
    )
  } catch {
    return undefined
  }
}
