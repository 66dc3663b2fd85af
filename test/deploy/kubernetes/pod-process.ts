import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from '@jest/globals'
import { readChildren } from '../../../workers/executors/proc.ts'
import { cleanUp } from '../../support/clean-up.ts'
import type { Workload } from './pods.ts'

const checkout = join(import.meta.dirname, '../../..')
const missing = whatIsMissing()

/** `test` for what runs as a container would; skipped, and said to be, where it may not. */
export const podTest = missing === null ? test : test.skip
if (missing !== null) test.skip(`pods as processes (skipped: they need ${missing})`, () => undefined)

export interface PodProcess {
  pid: number
  /** What it wrote so far. */
  output(): string
  /** Resolves with its exit code, null when a signal ended it. */
  exited: Promise<number | null>
  /** Runs a command in the container, as an exec probe does; true when it exits 0. */
  exec(command: readonly string[]): Promise<boolean>
  /** SIGTERM, as the kubelet sends it after preStop. */
  terminate(): void
}

/**
 * Runs the container of a pod as the kubelet would, but for the network, which is the machine's: a root that holds what the image has and can't be written, the volumes
 * and the files of the Secret where the manifest mounts them, its user, no capability, no new privileges, the environment of image and manifest, and the
 * image's entry point with the manifest's arguments. Stopped after the test.
 */
export function runPod(
  { pod, container, env }: Workload,
  { secret, settings = {} }: { secret: Record<string, string>; settings?: Record<string, string> },
): PodProcess {
  const root = mkdtempSync(join(tmpdir(), 'noodle-pod-'))
  cleanUp(() => rmSync(root, { recursive: true, force: true }))
  const { runAsUser = 0, runAsGroup = 0, fsGroup = 0 } = pod.securityContext ?? {}
  const asUser = [
    ...['setpriv', '--reuid', String(runAsUser), '--regid', String(runAsGroup), '--groups', String(fsGroup)],
    ...['--bounding-set', '-all', '--inh-caps', '-all', '--no-new-privs', '--'],
  ]
  const volumes = (container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }) => {
    const volume = pod.volumes?.find((candidate) => candidate.name === name)
    const files = (volume?.secret?.items ?? []).map(({ key, path }) => {
      if (secret[key] === undefined) throw new Error(`The Secret has no ${key}.`)
      return [
        `printf %s ${quote(secret[key])} >"$root${mountPath}/${path}"`,
        `chown 0:${String(fsGroup)} "$root${mountPath}/${path}"`,
        `chmod ${(volume?.secret?.defaultMode ?? 0o644).toString(8)} "$root${mountPath}/${path}"`,
      ].join('\n')
    })
    return [
      `mkdir -p "$root${mountPath}"`,
      `mount -t tmpfs -o mode=2777,gid=${String(fsGroup)} volume "$root${mountPath}"`,
      ...files,
      ...(readOnly ? [`mount -o remount,ro "$root${mountPath}"`] : []),
    ]
  })
  const script = [
    'set -eu',
    `root=${quote(root)}`,
    'mount -t tmpfs -o mode=0755 root "$root"',
    'mkdir "$root/usr" "$root/etc" "$root/dev" "$root/proc" "$root/app" "$root/node"',
    'for name in bin sbin lib lib64; do if [ -h "/$name" ]; then cp -P "/$name" "$root/$name"; elif [ -d "/$name" ]; then mkdir "$root/$name"; mount --bind "/$name" "$root/$name"; fi; done',
    `for pair in /usr:usr /etc:etc ${quote(`${checkout}:app`)} ${quote(`${dirname(process.execPath)}:node`)}; do`,
    '  mount --bind "${pair%:*}" "$root/${pair##*:}"; mount -o remount,bind,ro "$root/${pair##*:}"',
    'done',
    'mount --rbind /dev "$root/dev"',
    'mount -t proc proc "$root/proc"',
    ...volumes,
    'mount -o remount,ro "$root"',
    `exec chroot "$root" ${asUser.join(' ')} sh -c 'cd /app && exec "$@"' sh "$@"`,
  ].join('\n')
  const image = readImage()
  const environment = { ...image.env, PATH: `/node:${image.env['PATH'] ?? ''}`, ...env, ...settings }
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--'],
      ...['sh', '-c', script, 'sh', ...image.entrypoint, ...(container.args ?? [])],
    ],
    {
      env: { ...image.env, PATH: `/node:${image.env['PATH'] ?? ''}`, ...env, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  cleanUp(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      // Process 1, with which all of its namespace ends: the user that it became has it forget that it dies with unshare (prctl(2), PR_SET_PDEATHSIG).
      const [pid] = readChildren(child.pid ?? 0)
      if (pid === undefined) child.kill('SIGKILL')
      else process.kill(pid, 'SIGKILL')
    }
    await exited
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    async exec(command) {
      const enter = ['--target', String(first()), '--mount', '--pid', '--root', '--', ...asUser, ...command]
      const probe = spawn('nsenter', enter, { env: environment, stdio: 'ignore' })
      const [code] = (await once(probe, 'exit')) as [number | null]
      return code === 0
    },
    terminate() {
      process.kill(first(), 'SIGTERM')
    },
  }

  /** unshare itself waits for what it forked, which is process 1 of the namespace. */
  function first(): number {
    return Number(execFileSync('ps', ['--ppid', String(child.pid), '-o', 'pid='], { encoding: 'utf8' }))
  }
}

/** What the Dockerfile says of how a container starts; without tini, which the machine of the tests need not have. */
function readImage(): { env: Record<string, string>; entrypoint: string[] } {
  const text = readFileSync(join(checkout, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ')
  const final = text.slice(text.lastIndexOf('\nFROM '))
  const env = [...final.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
    line
      .split(/\s+/)
      .filter(Boolean)
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const),
  )
  const [, words = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(final) ?? []
  const entrypoint = (JSON.parse(words) as string[]).filter((word) => word !== 'tini' && word !== '--')
  if (entrypoint.length === 0) throw new Error('The Dockerfile has no ENTRYPOINT.')
  return { env: Object.fromEntries(env), entrypoint }
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function whatIsMissing(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'Linux, and root'
  try {
    execFileSync(
      'unshare',
      [
        '--mount',
        '--propagation',
        'private',
        '--pid',
        '--fork',
        'sh',
        '-c',
        'mount -t tmpfs probe /mnt && setpriv --reuid 10001 --clear-groups test -r "$0"',
        join(checkout, 'package.json'),
      ],
      { stdio: 'ignore' },
    )
    return null
  } catch {
    return 'rights to mount, setpriv, and a checkout that others may read'
  }
}
