import { randomUUID } from 'node:crypto'
import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../../support/clean-up.ts'
import { containerTest, engine, engineAddress, useTestImage } from '../../support/container-test.ts'
import { waitFor } from '../../support/wait-for.ts'
import { aFolder } from '../a-run.ts'
import { containersOf, openContainers } from './a-container.ts'

const image = useTestImage()
const aScript = (script: string, more: Record<string, string> = {}) => ({
  ...{ image, argv: ['sh', '-c', script] },
  ...more,
})
const limits = { memoryMb: 64, cpus: 1 }

containerTest(
  'a container gets arguments and stdin as they are, tells stdout, stderr and its image, and is gone afterwards',
  async () => {
    const { begin } = openContainers({ allow: [image] })
    const argv = ['sh', '-c', 'cat; printf "[%s]" "$@"; echo oops >&2', 'name', 'a b', '$HOME', '', "'"]
    const { job, ended, seen } = begin({ image, argv, stdin: 'ünï\n' })
    const { Id } = await engine.getImage(image).inspect()
    expect(await ended).toEqual({
      exitCode: 0,
      stdout: "ünï\n[a b][$HOME][][']",
      stderr: 'oops\n',
      truncated: false,
      imageId: Id,
    })
    expect([seen.stdout, seen.stderr]).toEqual(["ünï\n[a b][$HOME][][']", 'oops\n'])
    expect(await containersOf(job.id)).toEqual([])
    const unread = begin(aScript('echo hi', { stdin: 'x'.repeat(1_000_000) }))
    expect((await unread.ended).stdout).toBe('hi\n')
  },
)

containerTest(
  'a container has no privileges, no network, no host, and nothing to write to but memory',
  async () => {
    const { begin } = openContainers({ allow: [image] })
    const { job, ended, seen, stop } = begin(
      aScript(
        `id -u; id -g; ls /sys/class/net
       grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
       touch /bin/x 2>&1; touch /tmp/x /data/x && echo wrote
       grep ' /tmp ' /proc/mounts; grep ' /data ' /proc/mounts
       ulimit -n; ulimit -c; head -c 6 /proc/1/comm; echo; echo ready; while :; do sleep 1; done`,
      ),
      { limits },
    )
    await waitFor(() => seen.stdout.includes('ready'))
    expect(seen.stdout.split('\n')).toEqual([
      ...['65534', '65534', 'lo'],
      ...['CapEff:\t0000000000000000', 'CapBnd:\t0000000000000000', 'NoNewPrivs:\t1', 'Seccomp:\t2'],
      ...['touch: /bin/x: Read-only file system', 'wrote'],
      'tmpfs /tmp tmpfs rw,nosuid,nodev,relatime,size=32768k 0 0',
      'tmpfs /data tmpfs rw,nosuid,nodev,relatime,size=32768k 0 0',
      ...['64', '0', 'docker', 'ready', ''],
    ])
    const [container] = await containersOf(job.id)
    const { HostConfig, Mounts } = await engine.getContainer(container?.Id ?? '').inspect()
    expect(Mounts).toEqual([])
    expect(HostConfig).toMatchObject({
      ...{ Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024, NanoCpus: 1e9, PidsLimit: 50 },
      ...{ Privileged: false, CapAdd: null, Binds: null, Devices: null, NetworkMode: 'none', PidMode: '' },
      ...{ IpcMode: 'private', LogConfig: { Type: 'none' } },
    })
    stop({ reason: 'cancelled', killGraceMs: 0 })
    await expect(ended).rejects.toMatchObject({ code: 'SIGNAL' })
    expect(await containersOf(job.id)).toEqual([])
  },
)

containerTest(
  'the environment is that of the image, of the payload and of the run; virtual GPUs are only told',
  async () => {
    const { begin } = openContainers({ allow: [image] })
    const { ended } = begin(aScript('env', { workdir: '/tmp' }), { fence: 9, attempt: 2, gpus: [0, 2] })
    const env = Object.fromEntries(
      (await ended).stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('=', 2)),
    )
    expect(env).toEqual({
      ...{ PATH: expect.stringContaining('/bin'), HOME: '/tmp', PWD: '/tmp', FROM_IMAGE: 'yes', SHLVL: '1' },
      ...{
        HOSTNAME: expect.any(String),
        NOODLE_WORKER: expect.any(String),
        NOODLE_JOB_ID: expect.any(String),
      },
      ...{ NOODLE_ATTEMPT: '2', NOODLE_FENCE: '9', NOODLE_GPUS: '0,2', CUDA_VISIBLE_DEVICES: '0,2' },
      NVIDIA_VISIBLE_DEVICES: 'void',
    })
  },
)

containerTest(
  'GPUs are asked for by the names of their driver; an engine that has none is told as what is missing',
  async () => {
    const { begin } = openContainers({ allow: [image], gpuIds: ['GPU-a', 'GPU-b'] })
    const { job, ended } = begin(aScript('true'), { gpus: [1] })
    await expect(ended).rejects.toMatchObject({
      name: 'TaskFailure',
      code: 'SPAWN_FAILED',
      message: expect.stringContaining(
        'The container engine gives no GPUs, which the job asked for: could not select device driver',
      ),
    })
    expect(await containersOf(job.id)).toEqual([])
  },
)

containerTest(
  'an exit code, a signal and memory without end are failures that may be tried again',
  async () => {
    const { begin } = openContainers({ allow: [image] })
    const scripts = [
      'echo "no such file" >&2; exit 3',
      'kill -SEGV $$',
      'head -c 300000000 /dev/zero | tail -c 300000000',
    ]
    const runs = scripts.map((script) => begin(aScript(`set -e; ${script}`), { limits }))
    const failures = await Promise.all(runs.map(({ ended }) => ended.catch((error: unknown) => error)))
    const message = (text: string) => expect.stringMatching(`^The container from ${image} ${text}`)
    expect(failures).toMatchObject([
      { name: 'TaskFailure', code: 'EXIT_CODE', message: message('ended with exit code 3: no such file$') },
      { name: 'TaskFailure', code: 'SIGNAL', message: message('was ended by SIGSEGV.$') },
      { name: 'TaskFailure', code: 'OUT_OF_MEMORY', message: message('needed more than the 64 MiB') },
    ])
  },
)

containerTest.each([
  [
    'an image that is not on the list',
    { image: 'evil:1' },
    'IMAGE_NOT_ALLOWED',
    "is not on this node's list TASK_CONTAINER_IMAGES; allowed are",
  ],
  [
    'a network that is not on the list',
    { image, network: 'host' },
    'NETWORK_NOT_ALLOWED',
    'allowed are none, egress',
  ],
  [
    'a variable that decides on devices',
    { image, env: { NVIDIA_VISIBLE_DEVICES: 'all' } },
    'ENV_NOT_ALLOWED',
    "The variable NVIDIA_VISIBLE_DEVICES can't be set",
  ],
  [
    'a payload that does not fit',
    { image, privileged: true },
    'PAYLOAD_MISFIT',
    'does not fit the task container',
  ],
  [
    'a program that the image has not',
    { image, argv: ['nosuch'] },
    'SPAWN_FAILED',
    'nosuch failed: No such file or directory',
  ],
])('%s is refused for good', async (_, payload, code, message) => {
  const { begin } = openContainers({ allow: [image], networks: ['egress'] })
  const { job, ended } = begin(payload)
  await expect(ended).rejects.toMatchObject({
    name: 'PermanentFailure',
    code,
    message: expect.stringContaining(message),
  })
  expect(await containersOf(job.id)).toEqual([])
})

containerTest(
  'an image that the engine has not is missing, or tried to be fetched where that is allowed',
  async () => {
    const missing = 'registry.invalid/nosuch:1'
    const refusing = openContainers({ allow: [missing] }).begin({ image: missing })
    await expect(refusing.ended).rejects.toMatchObject({
      ...{ name: 'TaskFailure', code: 'IMAGE_MISSING' },
      message: `The container engine has no image ${missing}; load it there, or set TASK_CONTAINER_PULL=true.`,
    })
    const pulling = openContainers({ allow: [missing], mayPull: true }).begin({ image: missing })
    await expect(pulling.ended).rejects.toMatchObject({
      ...{ name: 'TaskFailure', code: 'IMAGE_MISSING' },
      message: expect.stringContaining(`The image ${missing} could not be fetched: `),
    })
    expect(pulling.seen.told).toEqual([`The image ${missing} is fetched.`])
  },
)

containerTest(
  'output comes as it is written; who ignores SIGTERM is killed after the grace, who hears has it',
  async () => {
    const { begin } = openContainers({ allow: [image], outputBytes: 1024 })
    const stubborn = begin(
      aScript(`trap "" TERM; yes no | head -n 2000; echo begun; while :; do sleep 0.1; done`),
    )
    const polite = begin(aScript(`trap "echo saved; exit 7" TERM; echo begun; while :; do sleep 0.1; done`))
    for (const { seen } of [stubborn, polite]) await waitFor(() => seen.stdout.includes('begun'))
    expect(stubborn.seen.stdout).toHaveLength(2000 * 3 + 6)
    stubborn.stop({ reason: 'cancelled', killGraceMs: 300 })
    polite.stop({ reason: 'timeout', killGraceMs: 60_000 })
    await expect(stubborn.ended).rejects.toBeDefined()
    await expect(polite.ended).rejects.toBeDefined()
    expect([stubborn.seen.stops, polite.seen.stops]).toEqual([['SIGKILL after 0.3 s'], ['SIGTERM, exit 7']])
    expect(polite.seen.stdout).toBe('begun\nsaved\n')
    for (const { job } of [stubborn, polite]) expect(await containersOf(job.id)).toEqual([])
  },
)

containerTest('CPU time and memory are looked at', async () => {
  const { begin } = openContainers({ allow: [image] })
  const { ended, seen } = begin(
    aScript(
      'dd if=/dev/zero of=/tmp/x bs=1M count=20 2>/dev/null; i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; sleep 0.5',
    ),
    { limits },
  )
  await ended
  expect(seen.usage.cpuMs).toBeGreaterThan(50)
  expect(seen.usage.maxRssBytes).toBeGreaterThan(20_000_000)
})

test('an engine that is away is told, and the run may be tried again', async () => {
  const { begin } = openContainers({ allow: ['tool'], address: `unix://${join(aFolder(), 'no.sock')}` })
  await expect(begin({ image: 'tool' }).ended).rejects.toMatchObject({
    ...{ name: 'TaskFailure', code: 'ENGINE_UNAVAILABLE' },
    message: expect.stringMatching(/^The container engine at unix:.* does not answer: .*ENOENT/),
  })
})

containerTest(
  'an engine that goes away in the middle is asked until the container is gone, before the run ends',
  async () => {
    const proxy = await openProxy()
    const { begin } = openContainers({ allow: [image], address: proxy.address })
    const { job, ended, seen } = begin(aScript('echo begun; while :; do sleep 0.1; done'))
    await waitFor(() => seen.stdout.includes('begun'))
    proxy.close()
    let hasEnded = false
    void ended.catch(() => (hasEnded = true))
    await waitFor(() => proxy.refused() > 1)
    expect([hasEnded, (await containersOf(job.id)).length]).toEqual([false, 1])
    proxy.open()
    await expect(ended).rejects.toMatchObject({ name: 'TaskFailure', code: 'ENGINE_UNAVAILABLE' })
    expect(await containersOf(job.id)).toEqual([])
  },
)

containerTest(
  'what an earlier start of the job left in the engine is gone before the next one begins',
  async () => {
    const { begin } = openContainers({ allow: [image] })
    const id = randomUUID()
    const labels = { 'noodle.job': id, 'noodle.fence': '3' }
    const left = await engine.createContainer({
      Image: image,
      Cmd: ['sleep', '300'],
      Labels: labels,
      HostConfig: { NetworkMode: 'none' },
    })
    cleanUp(() => left.remove({ force: true }).catch(() => undefined))
    await left.start()
    const { ended, seen } = begin(aScript('echo next'), { id, attempt: 2, fence: 4 })
    await ended
    expect(seen.stdout).toBe('next\n')
    expect(await containersOf(id)).toEqual([])
  },
)

/** A way to the engine that can be closed. */
async function openProxy() {
  const path = join(aFolder(), 'engine.sock')
  const sockets = new Set<Socket>()
  let isOpen = true
  let refused = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (!isOpen) {
      refused++
      socket.destroy()
      return
    }
    const there = connect({ path: engineAddress.slice('unix://'.length), allowHalfOpen: true })
    for (const end of [socket, there]) {
      sockets.add(end)
      end.on('error', () => undefined).on('close', () => sockets.delete(end))
    }
    socket.pipe(there).pipe(socket)
  }).listen(path)
  await once(server, 'listening')
  cleanUp(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    address: `unix://${path}`,
    refused: () => refused,
    open: () => void (isOpen = true),
    close() {
      isOpen = false
      for (const socket of sockets) socket.destroy()
    },
  }
}
