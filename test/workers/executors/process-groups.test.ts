import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { aFolder, aScript, isAlive, readPid, stubbornScript } from '../a-run.ts'
import { aStop, openCommands } from './open-commands.ts'

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

test('a worker that wakes when its lease is over starts nothing', async () => {
  const { run, keeper } = openCommands()
  const folder = aFolder()
  keeper.guardUntil(performance.now() - 1)
  await expect(run(aScript(`touch ${folder}/began`))).rejects.toThrow('The lease of the node ran out.')
  keeper.guardUntil(performance.now() + 60_000)
  await run(aScript(`touch ${folder}/later`))
  expect([existsSync(join(folder, 'began')), existsSync(join(folder, 'later'))]).toEqual([false, true])
})
