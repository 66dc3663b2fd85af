import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import type { ClaimedJob, Json, Usage } from '../../../queue/domain/job.ts'
import { findAllowedPrograms } from '../../../workers/executors/allowed-programs.ts'
import { openCgroups } from '../../../workers/executors/cgroups.ts'
import { makeCommandTask } from '../../../workers/executors/command.ts'
import { makeProcessGroups } from '../../../workers/executors/process-groups.ts'
import { ownMark } from '../../../workers/executors/worker-mark.ts'
import { makeKeeper } from '../../../workers/keeper.ts'
import type { RunLimits } from '../../../workers/slots.ts'
import type { Stop } from '../../../workers/task.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aClaimedJob, aFolder, aScript, isAlive, noLog, noNotes, readPid, stubbornScript } from '../a-run.ts'

const PATH = '/usr/local/bin:/usr/bin:/bin'

interface Ended {
  result: { exitCode: number; stdout: string; stderr: string; truncated: boolean }
  usage: Omit<Usage, 'wallMs'>
}

let keepers = 0

/** Commands as a worker with this configuration runs them. */
function openCommands({ allow = ['sh'], outputBytes = 65_536, hasCgroups = true } = {}) {
  const scratch = aFolder()
  const mark = `${ownMark()}-${String(keepers++)}`
  const keeper = makeKeeper({ mark, log: silentLogger })
  const cgroups = hasCgroups ? openCgroups(mark) : null
  const groups = makeProcessGroups({
    ...{ most: 10, path: PATH, keeper },
    cgroups,
    ...{ processes: 50, openFiles: 64 },
  })
  cleanUp(async () => {
    groups.killAll()
    cgroups?.removeAll()
    await keeper.stop()
  })
  let folders = 0
  const stops: string[] = []
  const task = makeCommandTask({
    programs: findAllowedPrograms(allow, { path: PATH, log: silentLogger }),
    groups,
    inherited: { PATH, LANG: 'C.UTF-8' },
    outputBytes,
    scratchFolders: {
      create() {
        const folder = join(scratch, String(folders++))
        mkdirSync(folder)
        return Promise.resolve(folder)
      },
      removeAll() {},
    },
  })
  return {
    scratch,
    groups,
    stops,
    run: async (
      payload: Json,
      {
        signal = new AbortController().signal,
        gpus = [],
        limits = null,
        ...job
      }: Partial<ClaimedJob> & { signal?: AbortSignal; gpus?: number[]; limits?: RunLimits | null } = {},
    ): Promise<Ended> => {
      let usage: Ended['usage'] = {}
      const result = await task.run({
        job: aClaimedJob({ task: 'command', payload, ...job }),
        gpus,
        limits,
        signal,
        log: noLog,
        ...noNotes,
        recordUsage: (figures) => (usage = figures),
        recordStop: (how) => stops.push(how),
      })
      return { result: result as unknown as Ended['result'], usage }
    },
  }
}

function aStop(): { signal: AbortSignal; stop: (stop: Stop) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, stop: (stop) => controller.abort(stop) }
}

test('a command gets its arguments and its stdin as they are, and tells stdout, stderr and exit code', async () => {
  const { run } = openCommands()
  const argv = ['sh', '-c', 'cat; printf "[%s]" "$@"; echo oops >&2', 'name', 'a b', '$HOME', '', "'"]
  const { result } = await run({ argv, stdin: 'ünï\n' })
  expect(result).toEqual({
    exitCode: 0,
    stdout: "ünï\n[a b][$HOME][][']",
    stderr: 'oops\n',
    truncated: false,
  })
})

test('a command that reads nothing of a large stdin succeeds all the same', async () => {
  const { run } = openCommands()
  expect((await run(aScript('exit 0', { stdin: 'x'.repeat(1_000_000) }))).result.exitCode).toBe(0)
})

test('an exit code other than 0 is a failure that may be tried again, with the end of stderr in its message', async () => {
  const { run } = openCommands()
  const failure = run(aScript('echo "no such file" >&2; exit 3'))
  await expect(failure).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'EXIT_CODE',
    message: 'sh ended with exit code 3: no such file',
  })
})

test('a command that dies by a signal fails and names the signal', async () => {
  const { run } = openCommands()
  await expect(run(aScript('kill -SEGV $$'))).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'SIGNAL',
    message: 'sh was ended by SIGSEGV.',
  })
})

test.each([
  ['a name that is not on the list', { argv: ['python3'] }],
  ['a path that is not on the list', { argv: ['/opt/evil/sh'] }],
  ['a relative path to an allowed program', { argv: ['../../../../../bin/sh'] }],
])('%s is refused for good', async (_, payload) => {
  const { run } = openCommands()
  const failure = run(payload)
  await expect(failure).rejects.toMatchObject({ name: 'PermanentFailure', code: 'COMMAND_NOT_ALLOWED' })
  await expect(failure).rejects.toThrow(
    `${payload.argv[0] ?? ''} is not on this node's list TASK_COMMAND_ALLOW; allowed are sh.`,
  )
})

test('an allowed program may be named by its absolute path', async () => {
  const { run } = openCommands()
  const { result } = await run({ argv: ['/usr/bin/sh', '-c', 'echo hi'] })
  expect(result.stdout).toBe('hi\n')
})

test('a script whose interpreter is missing fails for good as SPAWN_FAILED', async () => {
  const script = join(aFolder(), 'broken')
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 })
  const { run } = openCommands({ allow: [script] })
  await expect(run({ argv: ['broken'] })).rejects.toMatchObject({
    name: 'PermanentFailure',
    code: 'SPAWN_FAILED',
  })
})

test('arguments that are too long for the system fail for good as SPAWN_FAILED', async () => {
  const { run } = openCommands()
  const argv = ['sh', '-c', 'true', ...Array.from({ length: 100 }, () => 'x'.repeat(100_000))]
  await expect(run({ argv })).rejects.toMatchObject({ name: 'PermanentFailure', code: 'SPAWN_FAILED' })
})

test("a command's environment holds its marks and what the payload sets, and nothing of the worker's secrets", async () => {
  process.env['DATABASE_SECRET'] = 'hidden'
  cleanUp(() => delete process.env['DATABASE_SECRET'])
  const { run, scratch } = openCommands()
  const { result } = await run(aScript('env', { env: { GREETING: 'hello', LANG: 'fr_FR.UTF-8' } }), {
    id: '01900000-0000-7000-8000-0000000000ff',
    attempt: 2,
    fence: 9,
    gpus: [0, 2],
  })
  const env: unknown = Object.fromEntries(
    result.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('=', 2)),
  )
  expect(env).toEqual({
    PATH,
    LANG: 'fr_FR.UTF-8',
    HOME: join(scratch, '0'),
    TMPDIR: join(scratch, '0'),
    PWD: join(scratch, '0'),
    GREETING: 'hello',
    NOODLE_JOB_ID: '01900000-0000-7000-8000-0000000000ff',
    NOODLE_ATTEMPT: '2',
    NOODLE_FENCE: '9',
    NOODLE_ARTIFACTS: join(scratch, '0-artifacts'),
    NOODLE_GPUS: '0,2',
    CUDA_VISIBLE_DEVICES: '0,2',
    NOODLE_WORKER: expect.stringMatching(`^${ownMark()}-\\d+-0$`),
  })
})

test.each([
  'LD_PRELOAD',
  'NODE_OPTIONS',
  'PATH',
  'DYLD_INSERT_LIBRARIES',
  'BASH_ENV',
  'PYTHONPATH',
  'NOODLE_FENCE',
  'HOME',
  'GIT_SSH_COMMAND',
])('a payload can not set %s', async (name) => {
  const { run } = openCommands()
  const failure = run(aScript('true', { env: { [name]: '/tmp/evil' } }))
  await expect(failure).rejects.toMatchObject({ name: 'PermanentFailure', code: 'ENV_NOT_ALLOWED' })
  await expect(failure).rejects.toThrow(`The variable ${name} can't be set by a job`)
})

test('a payload that does not fit is refused for good, should it ever come here', async () => {
  const { run } = openCommands()
  await expect(run({ argv: [] })).rejects.toMatchObject({ name: 'PermanentFailure', code: 'PAYLOAD_MISFIT' })
})

test('a run begins in an empty folder of its own, which is gone afterwards, whatever happened', async () => {
  const { run, scratch } = openCommands()
  const { result } = await run(aScript('ls -A; mkdir -p a/b; echo x > a/b/c; chmod 0 a/b/c; pwd'))
  expect(result.stdout).toBe(`${join(scratch, '0')}\n`)
  await expect(run(aScript('touch left; exit 1'))).rejects.toThrow('exit code 1')
  expect(readdirSync(scratch)).toEqual([])
})

test('files are read by their absolute paths', async () => {
  const { run } = openCommands({ allow: ['wc'] })
  const { result } = await run({ argv: ['wc', '-c', import.meta.filename] })
  expect(parseInt(result.stdout)).toBe(readFileSync(import.meta.filename).length)
})

test('of a long output the last bytes are kept', async () => {
  const { run } = openCommands({ outputBytes: 1024 })
  const { result } = await run(
    aScript('i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done; echo short >&2'),
  )
  expect(result.truncated).toBe(true)
  expect(result.stdout).toHaveLength(1024)
  expect(result.stdout.endsWith('line 4998\nline 4999\n')).toBe(true)
  expect(result.stderr).toBe('short\n')
})

test('CPU time, also of children, and peak memory are measured', async () => {
  const { run } = openCommands({ allow: [process.execPath] })
  // 64 MiB held while a child burns CPU; both tell what they used until just before their end.
  const tell =
    "require('node:fs').writeSync(1, process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000 + ' ')"
  const burn = `while (process.cpuUsage().user < 150_000); ${tell}`
  const hold = `const held = Buffer.alloc(64 * 1024 * 1024, 1);
    require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(burn)}], { stdio: 'inherit' });
    held.fill(2); ${tell}`
  const { result, usage } = await run({ argv: [process.execPath, '-e', hold] })
  const toldMs = result.stdout
    .trim()
    .split(' ')
    .reduce((sum, ms) => sum + Number(ms), 0)
  expect(usage.cpuMs).toBeGreaterThan(toldMs - 40) // four figures that the kernel rounds down to 10 ms
  expect(usage.cpuMs).toBeLessThan(toldMs * 1.5 + 100)
  expect(usage.maxRssBytes).toBeGreaterThan(64 * 1024 * 1024)
})

test('a group that ignores SIGTERM is killed after its grace, with its grandchildren', async () => {
  const { run } = openCommands()
  const folder = aFolder()
  const { signal, stop } = aStop()
  const ended = run(aScript(stubbornScript(folder)), { signal })
  const [leader, child] = [await readPid(join(folder, 'leader')), await readPid(join(folder, 'child'))]
  expect([isAlive(leader), isAlive(child)]).toEqual([true, true])
  stop({ reason: 'cancelled', killGraceMs: 100 })
  await expect(ended).rejects.toMatchObject({ code: 'SIGNAL', message: 'sh was ended by SIGKILL.' })
  expect([isAlive(leader), isAlive(child)]).toEqual([false, false])
})

test('a program that ends well on SIGTERM has its grace for it', async () => {
  const { run } = openCommands()
  const folder = aFolder()
  const { signal, stop } = aStop()
  const ended = run(
    aScript(
      `trap 'echo saved > ${folder}/state; exit 5' TERM; echo $$ > ${folder}/leader; while :; do sleep 0.02; done`,
    ),
    { signal },
  )
  await readPid(join(folder, 'leader'))
  stop({ reason: 'timeout', killGraceMs: 10_000 })
  await expect(ended).rejects.toMatchObject({ code: 'EXIT_CODE' })
  expect(readFileSync(join(folder, 'state'), 'utf8')).toBe('saved\n')
})

test('what a program leaves in the background ends with it', async () => {
  const { run } = openCommands()
  const folder = aFolder()
  const { result } = await run(aScript(`sleep 300 & echo $! > ${folder}/child; echo done`))
  expect(result.stdout).toBe('done\n')
  expect(isAlive(await readPid(join(folder, 'child')))).toBe(false)
})

test('a program that left its group and keeps the pipes open is not waited for', async () => {
  const { run } = openCommands()
  const folder = aFolder()
  const { result } = await run(
    aScript(
      `setsid sh -c 'echo $$ > ${folder}/escaped; exec sleep 300' & while [ ! -s ${folder}/escaped ]; do sleep 0.01; done; echo done`,
    ),
  )
  expect(result.stdout).toBe('done\n')
  process.kill(await readPid(join(folder, 'escaped')), 'SIGKILL')
})

test('groups are told to the watchdog as long as they live', async () => {
  const { run, groups } = openCommands()
  const folder = aFolder()
  const ended = run(aScript(`echo $$ > ${folder}/leader; while [ ! -e ${folder}/go ]; do sleep 0.01; done`))
  const leader = await readPid(join(folder, 'leader'))
  expect([...groups.shared].filter(Boolean)).toEqual([leader])
  writeFileSync(join(folder, 'go'), '')
  await ended
  expect([...groups.shared].filter(Boolean)).toEqual([])
  expect(existsSync(`/proc/${String(leader)}`)).toBe(false)
})

const limits: RunLimits = { memoryMb: 64, cpus: 1 }
const hoard = 'head -c 300000000 /dev/zero | tail -c 300000000 | wc -c'

test.each([
  ['by control groups', true],
  ['by looking', false],
])(
  'a command that takes memory without end is killed at its limit and called OUT_OF_MEMORY, %s',
  async (_, hasCgroups) => {
    const { run } = openCommands({ hasCgroups })
    const neighbour = run(aScript('sleep 0.5; echo undisturbed'), { limits })
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

test.each([
  ['with control groups', true],
  ['without', false],
])(
  'what forked twice into a session of its own is gone when its command is stopped, %s',
  async (_, hasCgroups) => {
    const { run, stops } = openCommands({ hasCgroups })
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

test('how a command ended that was told to stop is recorded with its exit code', async () => {
  const { run, stops } = openCommands()
  const folder = aFolder()
  for (const script of ['', 'trap "exit 7" TERM; ']) {
    const { signal, stop } = aStop()
    const ended = run(aScript(`${script}echo $$ > ${folder}/leader; while :; do sleep 0.05; done`), {
      signal,
    })
    await readPid(`${folder}/leader`)
    rmSync(`${folder}/leader`)
    stop({ reason: 'cancelled', killGraceMs: 60_000 })
    await expect(ended).rejects.toThrow()
  }
  expect(stops).toEqual(['SIGTERM, exit 143', 'SIGTERM, exit 7'])
})

test('a command has so many open files, processes and cores, and no more', async () => {
  const { run } = openCommands()
  const { result } = await run(
    aScript('ulimit -n; ulimit -c; cat /proc/self/cgroup; for i in 1 2 3; do sleep 0.2 & done; wait'),
    {
      limits,
    },
  )
  expect(result.stdout).toMatch(/^64\n0\n/)
  if (!result.stdout.includes('noodle-worker-')) return // this machine lets nobody write control groups
  const forks = 'i=0; while [ $i -lt 80 ]; do sleep 5 & i=$((i+1)); done'
  await expect(run(aScript(forks), { limits })).rejects.toThrow(/fork/)
})
