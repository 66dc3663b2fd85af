import { readdirSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { aScript } from '../a-run.ts'
import { openTasks } from './a-tasks-folder.ts'
import { openCommands } from './open-commands.ts'

const mebibyte = 1024 * 1024
const scratchLimits = { bytes: 4 * mebibyte, files: 100 }
const forever = 'while :; do sleep 0.05; done'

test.each([
  ['writes without end', `cat /dev/zero > file`, 'bytes of SCRATCH_LIMIT_BYTES'],
  [
    'writes into a file that it has deleted',
    `exec 5> file; rm file; cat /dev/zero >&5`,
    'bytes of SCRATCH_LIMIT_BYTES',
  ],
  [
    'makes many small files',
    `i=0; while [ $i -lt 200 ]; do : > $i; i=$((i+1)); done; ${forever}`,
    'files of SCRATCH_LIMIT_FILES',
  ],
  [
    'makes many folders, each in the other',
    `while :; do mkdir a; cd a; done`,
    'files of SCRATCH_LIMIT_FILES',
  ],
  [
    'fills a hole in a sparse file',
    `truncate -s 1T file; yes | dd of=file bs=1M seek=1000 conv=notrunc status=none`,
    'bytes of SCRATCH_LIMIT_BYTES',
  ],
])(
  'a command that %s in its scratch folder is killed as SCRATCH_FULL, and nothing of it is left',
  async (_, script, what) => {
    const { run, scratch } = openCommands({ scratchLimits })
    const failure = run(aScript(script))
    await expect(failure).rejects.toMatchObject({ name: 'TaskFailure', code: 'SCRATCH_FULL' })
    await expect(failure).rejects.toThrow(what)
    expect(readdirSync(scratch)).toEqual([])
  },
)

test('what is within the limits, also a file with a large hole, disturbs nobody, and a closed folder is removed', async () => {
  const { run, scratch } = openCommands({ scratchLimits })
  const script =
    'truncate -s 1T sparse; head -c 3000000 /dev/zero > one; ln one two; mkdir closed; : > closed/file; chmod 0 closed; sleep 0.4; echo done'
  expect((await run(aScript(script))).result.stdout).toBe('done\n')
  expect(readdirSync(scratch)).toEqual([])
})

test('folders deeper than a path can say are as good as too many, and are removed', async () => {
  const { run, scratch } = openCommands({ scratchLimits: { bytes: 4 * mebibyte, files: 100_000 } })
  const name = 'x'.repeat(200)
  const script = `i=0; while [ $i -lt 40 ]; do mkdir ${name}; cd -P ${name} || exit 9; i=$((i+1)); done; ${forever}`
  await expect(run(aScript(script))).rejects.toThrow('folders that can not be looked into')
  expect(readdirSync(scratch)).toEqual([])
})

test('a module that fills its scratch folder is ended, in a process kept warm too, and its next run begins with an empty one', async () => {
  const fill = `import { defineTask } from 'noodle/task'
    import { writeFileSync } from 'node:fs'
    export default defineTask({
      name: 'fill',
      async run({ input, scratch }) {
        for (let n = 0; n < input; n++) {
          writeFileSync(scratch + '/' + n, Buffer.alloc(1_000_000, 1))
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return process.pid
      },
    })`
  const { begin, scratchLeft } = await openTasks(
    { 'fill.task.ts': fill },
    { scratchBytes: scratchLimits.bytes },
  )
  const first = await begin('fill', 3).ended
  expect(await begin('fill', 3).ended).toBe(first)
  await expect(begin('fill', 1000).ended).rejects.toMatchObject({ code: 'SCRATCH_FULL' })
  expect(await begin('fill', 3).ended).not.toBe(first)
  expect(scratchLeft()).toEqual([])
})
