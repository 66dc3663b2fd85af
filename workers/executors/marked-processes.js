// JavaScript, for the keeper's process reads it too: it loads nothing that strips types.
import { readdirSync, readFileSync } from 'node:fs'

/** In the environment of all that a worker starts for jobs: whose it is. */
export const markVariable = 'NOODLE_WORKER'

/**
 * @typedef {object} MarkedProcess
 * @property {number} pid
 * @property {string} mark
 * @property {string | undefined} jobId of the job that it was started for, when it was for one
 * @property {number} fence 0 without a job
 */

/**
 * All processes with a mark, whatever group or session they moved to; on Linux only. Zombies have no environment any more.
 * @returns {MarkedProcess[]}
 */
export function findMarked() {
  return list().flatMap((name) => {
    const environment = read(`/proc/${name}/environ`)
    if (!environment.includes(`${markVariable}=`)) return []
    const variables = environment.split('\0')
    /** @param {string} variable */
    const find = (variable) =>
      variables.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1)
    const mark = find(markVariable)
    if (mark === undefined) return []
    return [
      { pid: Number(name), mark, jobId: find('NOODLE_JOB_ID'), fence: Number(find('NOODLE_FENCE') ?? 0) },
    ]
  })
}

function list() {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
