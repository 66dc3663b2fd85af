import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from '@jest/globals'
import type { Json } from '../../../queue/domain/job.ts'
import { aFolder } from '../a-run.ts'
import { openTasks } from './a-tasks-folder.ts'

/** `test` for what needs a C compiler; skipped, and said to be, where there is none. */
export const compilerTest = hasCompiler() ? test : test.skip
if (!hasCompiler()) test.skip('C libraries of the tests (skipped: they need cc)', () => undefined)

/** `test` for what needs the C library under its name on Linux with glibc. */
export const glibcTest = hasGlibc() ? test : test.skip
if (!hasGlibc())
  test.skip('functions of libc.so.6 and libm.so.6 (skipped: they are not here)', () => undefined)

function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function hasGlibc(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime !== undefined
}

/** Compiles it; answers with the path of the library. */
export function compile(source: string): string {
  const folder = aFolder()
  const [from, to] = [join(folder, 'test.c'), join(folder, 'libtest.so')]
  writeFileSync(from, source)
  execFileSync('cc', ['-shared', '-fPIC', '-O0', '-w', '-o', to, from, '-lm'])
  return to
}

/** Functions of a library as tasks of their names. */
export async function openFunctions(
  library: string,
  functions: Record<string, Record<string, Json>>,
  settings: { libraries?: string[]; mostWarm?: number } = {},
) {
  return openTasks(
    Object.fromEntries(
      Object.entries(functions).map(([name, ffi]) => [
        `${name}.task.json`,
        JSON.stringify({ name, ffi: { library, ...ffi } }),
      ]),
    ),
    { libraries: [library], ...settings },
  )
}
