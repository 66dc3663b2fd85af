// JavaScript, for the keeper's process reads it too: it loads nothing that strips types.
import { uptime } from 'node:os'
import { performance } from 'node:perf_hooks'

/**
 * Ms on a clock that all processes of a machine share and that nobody sets. On Linux the time in which the machine was asleep counts (CLOCK_BOOTTIME,
 * exact to 10 ms), as it does for a lease; `performance.now()` stands still then. Takes 6 µs: not for hot paths.
 */
export function machineMs() {
  return process.platform === 'linux' ? uptime() * 1000 : Number(process.hrtime.bigint()) / 1e6
}

/**
 * The same for an instant of `performance.now()`, which each process counts from its own start.
 * @param {number} ms
 */
export function toMachineMs(ms) {
  return machineMs() + ms - performance.now()
}
