import { execFileSync } from 'node:child_process'
import { test } from '@jest/globals'

/** The program behind python3; null on bare machines, where what is not Python is tested all the same. */
export const python = findPython()

/** `test` for what runs Python; skipped, and said to be, where there is none. */
export const pythonTest = python === null ? test.skip : test
if (python === null) test.skip('Python tasks (skipped: they need python3)', () => undefined)

function findPython(): string | null {
  try {
    return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}
