import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { expect, test } from '@jest/globals'
import type { Cgroups } from '../../../workers/executors/cgroups.ts'
import { openCgroupsV1 } from '../../../workers/executors/cgroups-v1.ts'
import { openCgroupsV2 } from '../../../workers/executors/cgroups-v2.ts'
import type { RunLimits } from '../../../queue/intake/slots.ts'
import { aFolder, aScript, isAlive, readPid } from '../a-run.ts'
import { aStop, openCommands } from './open-commands.ts'

const limits: RunLimits = { memoryMb: 64, cpus: 1 }

/** Processes that the commands of these tests may have. */
const processes = 50

type Way = [name: string, open: (mark: string) => Cgroups | null]

const versions: Way[] = [
  ['control groups of version 1', openCgroupsV1],
  ['control groups of version 2', openCgroupsV2],
]
const available = versions.filter(([, open]) => {
  const cgroups = open('probe')
  cgroups?.removeAll()
  return cgroups !== null
})
for (const [name] of versions.filter((way) => !available.includes(way)))
  test.skip(`limits by ${name} (skipped: none that this process may write to)`, () => undefined)

const ways: Way[] = [...available, ['looking', () => null]]

test.each(ways)(
  'a command that takes memory without end is killed at its limit and called OUT_OF_MEMORY, by %s',
  async (_, open) => {
    const { run } = openCommands({ open })
    const neighbour = run(aScript('sleep 0.5; echo undisturbed'), { limits })
    const hoard = 'head -c 300000000 /dev/zero | tail -c 300000000 | wc -c'
    await expect(
      run(aScript(`set -e; x=$(${hoard}); test "$x" = 300000000`), { limits }),
    ).rejects.toMatchObject({
      name: 'TaskFailure',
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching('^sh needed more than the 64 MiB that it may use'),
    })
    expect((await neighbour).result.stdout).toBe('undisturbed\n')
  },
)

test.each(ways)(
  'what forked twice into a session of its own is gone when its command is stopped, by %s',
  async (_, open) => {
    const { run, stops } = openCommands({ open })
    const folder = aFolder()
    const { signal, stop } = aStop()
    const script = `trap "" TERM; (setsid sh -c 'trap "" TERM; echo $$ > ${folder}/child; while :; do :; done' &) ; echo $$ > ${folder}/leader; while :; do sleep 0.05; done`
    const ended = run(aScript(script), { signal, limits })
    const [leader, child] = [await readPid(`${folder}/leader`), await readPid(`${folder}/child`)]
    stop({ reason: 'cancelled', killGraceMs: 100 })
    await expect(ended).rejects.toThrow()
    expect([leader, child].map(isAlive)).toEqual([false, false])
    expect(stops).toEqual(['SIGKILL after 0.1 s'])
  },
)

test('each process of a command has so many open files and no core file', async () => {
  const { run } = openCommands()
  expect((await run(aScript('ulimit -n; ulimit -c'), { limits })).result.stdout).toBe('64\n0\n')
})

const grouped = available.length > 0 ? test.each(available) : test.skip.each(versions)

grouped('a command can not have more processes than its limit, by %s', async (_, open) => {
  const { run } = openCommands({ open })
  const forks = `i=0; while [ $i -lt ${String(processes + 30)} ]; do sleep 5 & i=$((i+1)); done`
  await expect(run(aScript(forks), { limits })).rejects.toThrow(/fork/)
})

grouped(
  'two processes that spin get no more than the cores that their job asked for, by %s',
  async (_, open) => {
    const { run } = openCommands({ open })
    const spin = 'timeout 0.8 sh -c "while :; do :; done"'
    const startedMs = performance.now()
    const { usage } = await run(aScript(`${spin} & ${spin}; wait`), { limits: { memoryMb: 64, cpus: 0.5 } })
    const wallMs = performance.now() - startedMs
    // A period of the quota may be used up at either end; a busy machine gives less, never more.
    expect(usage.cpuMs).toBeLessThan(0.5 * wallMs + 150)
    expect(usage.cpuMs).toBeGreaterThan(0)
  },
)

grouped(
  'a run has groups of its own while it lasts, and none is left of it or of a worker that died, by %s',
  async (_, open) => {
    const { run, cgroups } = openCommands({ open })
    const { result } = await run(aScript('cat /proc/self/cgroup'), { limits })
    const [, path = ''] = /:(\/.*noodle-worker-[^\n]*)/.exec(result.stdout) ?? []
    expect(path).toMatch(/noodle-worker-[^/]+\/0$/)
    const groupsOf = (mark: string) =>
      readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .map((line) => line.split(' '))
        .filter(([, , type = '']) => type.startsWith('cgroup'))
        .flatMap(([, folder = '']) => [folder + dirname(dirname(path)), folder])
        .filter((folder) => existsSync(folder))
        .flatMap((folder) => readdirSync(folder))
        .filter((name) => name.startsWith(`noodle-worker-${mark}`))
    expect(groupsOf('dead')).toEqual([])
    open('dead-1')
    expect(groupsOf('dead')).not.toEqual([])
    cgroups?.removeAll((mark) => mark === 'dead-1')
    expect(groupsOf('dead')).toEqual([])
  },
)
