import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findAllInPath } from './allowed-programs.ts'
import type { InheritedEnvironment } from './command-environment.ts'
import type { TaskProgram } from './process-task.ts'

/** The folder of the one-file helper. */
const helperFolder = fileURLToPath(new URL('../python', import.meta.url))

/** Python, for a file of a tasks folder. @throws Error when there is no such interpreter */
export function makePythonProgram(
  path: string,
  options: { python: string; inherited: InheritedEnvironment },
): TaskProgram {
  const file = findPython(options.python, options.inherited.PATH)
  if (!file)
    throw new Error(
      `there is no Python: TASK_PYTHON is ${options.python}; install python3, or set it to an interpreter or a virtual environment`,
    )
  return {
    file,
    // -u: what it prints comes as it is printed. -X utf8: the same text on every machine.
    args: ['-u', '-X', 'utf8', join(helperFolder, 'noodle.py'), path],
    env: { PYTHONPATH: [helperFolder, join(path, '..')].join(delimiter), PYTHONDONTWRITEBYTECODE: '1' },
  }
}

/** `python`: a name on PATH, a path, or the folder of a virtual environment. */
function findPython(python: string, path: string): string | undefined {
  if (!python.includes('/')) return findAllInPath(python, path)[0]
  const file = isAbsolute(python) ? python : resolve(python)
  const ofEnvironment = join(file, 'bin', 'python')
  if (existsSync(ofEnvironment)) return ofEnvironment
  try {
    accessSync(file, constants.X_OK)
    return file
  } catch {
    return undefined
  }
}
