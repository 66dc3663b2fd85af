import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, test } from '@jest/globals'
import Docker from 'dockerode'
import { cleanUp } from './clean-up.ts'

/** Where a real engine is looked for; `.ci/run` starts one of its own. */
export const engineAddress = process.env['NOODLE_TEST_ENGINE'] ?? 'unix:///var/run/docker.sock'
const missing = whatIsMissing()

export const hasEngine = missing === null

/** `test` for what runs containers; skipped, and said to be, where there is no engine. */
export const containerTest = missing === null ? test : test.skip
if (missing !== null) test.skip(`containers (skipped: they need ${missing})`, () => undefined)

/** A client of the tests' own. */
export const engine = new Docker({ socketPath: engineAddress.slice('unix://'.length) })

/** The image of the file that calls this: a busybox, nothing else. Removed at the end of the file. */
export function useTestImage(): string {
  const image = `noodle-test-${String(process.pid)}-${String(Math.floor(performance.now()))}:1`
  if (missing !== null) return image
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'noodle-image-'))
    try {
      mkdirSync(join(folder, 'bin'))
      copyFileSync(findBusybox() ?? '', join(folder, 'bin/busybox'))
      for (const name of busyboxNames) symlinkSync('busybox', join(folder, 'bin', name))
      docker('import', ['-c', 'VOLUME /data', '-c', 'ENV FROM_IMAGE=yes', '-', image], tar(folder))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    cleanUp(() => docker('rmi', ['-f', image]))
  })
  return image
}

/** What has happened to the containers of a job, such as `start 1` with the fence, by the engine's own word. */
export function eventsOf(jobId: string): string[] {
  const format = '{{.Action}} {{index .Actor.Attributes "noodle.fence"}}'
  const until = String(Math.ceil(Date.now() / 1000))
  return docker('events', [
    '--since',
    '10m',
    '--until',
    until,
    '--filter',
    `label=noodle.job=${jobId}`,
    '--format',
    format,
  ])
    .trim()
    .split('\n')
}

const busyboxNames =
  'sh cat echo env id ls sleep tail head wc dd touch mkdir grep kill printf yes true df tr'.split(' ')

const tar = (folder: string): Buffer =>
  execFileSync('tar', ['-C', folder, '-c', '.'], { maxBuffer: 16_777_216 })

function docker(word: string, args: string[], input?: Buffer): string {
  return execFileSync('docker', ['--host', engineAddress, word, ...args], {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input && { input }),
  })
}

function whatIsMissing(): string | null {
  try {
    docker('version', [])
  } catch {
    return 'Docker Engine and its client; on Debian, apt-get install docker.io'
  }
  return findBusybox() ? null : 'a static busybox; on Debian, apt-get install busybox-static'
}

function findBusybox(): string | undefined {
  return ['/bin/busybox', '/usr/bin/busybox'].find((path) => {
    try {
      return !execFileSync('head', ['-c', '4096', path], { encoding: 'latin1' }).includes('/ld-')
    } catch {
      return false
    }
  })
}
