/*
 * Loaded by `node --import` before a process of the platform, and by nothing else: so neither crash points nor mutants stand in the product, and
 * nobody can switch them on in production.
 */
import { changeSources } from './change-source.ts'
import { skewClock } from './clock-skew.ts'
import { crashHook, crashPoints, makeCrashHook, wrap } from './crash-points.ts'
import { mutants } from './mutants.ts'
import { readPreloadSettings } from './preload-environment.ts'
import { readFormat } from './row-format.ts'

const { mutant: mutantName, crashAt, clockSkewMs, readsFormat } = readPreloadSettings()

if (clockSkewMs !== undefined) skewClock(clockSkewMs)
if (readsFormat !== undefined) changeSources([readFormat(readsFormat)])

if (mutantName) {
  const mutant = mutants.find(({ name }) => name === mutantName)
  if (!mutant) throw new Error(`There is no mutant ${mutantName}.`)
  changeSources(mutant.changes)
}

if (crashAt) {
  const [pointName, passes = '0'] = crashAt.split('@')
  const point = crashPoints.find(({ name }) => name === pointName)
  if (!point) throw new Error(`There is no crash point ${String(pointName)}.`)
  Object.assign(globalThis, { [crashHook]: makeCrashHook(point.when, Number(passes)) })
  changeSources([wrap(point)])
}
