import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { aFolder, isAlive, readPid } from '../a-run.ts'
import { openTasks } from './a-tasks-folder.ts'
import { python, pythonTest } from '../../support/python-test.ts'

const pliable = `
import os, sys, time
from noodle import task, PermanentFailure, Cancelled

@task(name="pliable", version=2, input={"type": "object", "required": ["do"]}, defaults={"priority": 7})
def run(ctx, input):
    """Does as it is told."""
    what = input["do"]
    if "file" in input:
        with open(input["file"], "w") as f: f.write(str(os.getpid()))
    if what == "tell":
        ctx.progress(30, "a third"); ctx.log("hällo", level="warn"); print("printed"); ctx.heartbeat()
        ctx.checkpoint({"step": 1})
        with open(os.path.join(ctx.artifacts, "left.txt"), "w") as f: f.write("left")
        return {"attempt": ctx.attempt, "last": ctx.last_checkpoint, "isHere": os.getcwd() == os.path.realpath(ctx.scratch)}
    if what == "raise": raise ValueError("not this time")
    if what == "give up": raise PermanentFailure("never")
    if what == "crash": os.kill(os.getpid(), 11)
    if what == "exit": sys.exit(3)
    if what == "nan": return float("nan")
    while not ctx.cancelled: time.sleep(0.01)
    ctx.log("stopped")
`

pythonTest('a Python task has its context: progress, log, checkpoints, a folder of its own', async () => {
  const { begin, tasks } = await openTasks({ 'pliable.task.py': pliable })
  expect(tasks.map(({ offer }) => offer)).toEqual([
    {
      name: 'pliable',
      version: '2',
      description: 'Does as it is told.',
      kind: 'python',
      defaults: { priority: 7 },
      payloadSchema: { type: 'object', required: ['do'] },
      resultSchema: {},
    },
  ])
  const { ended, seen } = begin('pliable', { do: 'tell' }, { attempt: 2, lastCheckpoint: { at: 'ü' } })
  expect(await ended).toEqual({ attempt: 2, last: { at: 'ü' }, isHere: true })
  expect(seen).toMatchObject({
    progress: [[30, 'a third']],
    log: ['warn: hällo'],
    stdout: 'printed\n',
    checkpoints: [{ step: 1 }],
    artifacts: { names: ['left.txt'], hasFailed: false },
  })
})

pythonTest.each([
  ['raise', 'TaskFailure', 'TASK_ERROR', 'not this time'],
  ['give up', 'PermanentFailure', 'TASK_ERROR', 'never'],
  ['crash', 'TaskFailure', 'SIGNAL', 'SIGSEGV'],
  ['exit', 'TaskFailure', 'EXIT_CODE', 'exit code 3'],
  ['nan', 'TaskFailure', 'TASK_ERROR', 'JSON'],
])('a run that ends by %s is a %s with the code %s', async (what, name, code, message) => {
  const { begin } = await openTasks({ 'pliable.task.py': pliable })
  await expect(begin('pliable', { do: what }).ended).rejects.toMatchObject({
    name,
    code,
    message: expect.stringContaining(message),
  })
})

pythonTest('a Python task learns that it must end', async () => {
  const { begin, folder } = await openTasks({ 'pliable.task.py': pliable })
  const file = join(folder, 'pid')
  const { ended, seen, stop } = begin('pliable', { do: 'wait', file })
  const pid = await readPid(file)
  stop({ reason: 'cancelled', killGraceMs: 30_000 })
  await Promise.allSettled([ended])
  expect(isAlive(pid)).toBe(false)
  expect(seen.log).toEqual(['stopped'])
})

pythonTest('the interpreter may be that of a virtual environment', async () => {
  const environment = aFolder()
  mkdirSync(join(environment, 'bin'))
  symlinkSync(python ?? '', join(environment, 'bin', 'python'))
  const which = `
import sys
from noodle import task
@task(name="which")
def run(ctx, input): return sys.executable
`
  const { begin } = await openTasks({ 'which.task.py': which }, { python: environment })
  expect(await begin('which').ended).toBe(join(environment, 'bin', 'python'))
})

pythonTest('a Python file that is no task, or has no interpreter, is told and left out', async () => {
  const files = { 'none.task.py': 'x = 1', 'wrong.task.py': 'import nothing_such' }
  const { told } = await openTasks(files)
  // In the order in which their interpreters end.
  expect(told.join('\n')).toMatch(/0 functions with @task/)
  expect(told.join('\n')).toMatch(/nothing_such/)
  expect((await openTasks(files, { python: 'python-of-tomorrow' })).told).toHaveLength(2)
})
