import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { makeMetrics } from '../../core/metrics.ts'

const folder = join(import.meta.dirname, '../../deploy')
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

const promtool = (...args: string[]): string =>
  execFileSync('promtool', args, { encoding: 'utf8', cwd: folder })

const hasPromtool = ((): boolean => {
  try {
    promtool('--version')
    return true
  } catch {
    return false
  }
})()
const promtoolTest = hasPromtool ? test : test.skip
if (!hasPromtool)
  test.skip("Prometheus' own checks (skipped: they need promtool; on Debian, apt-get install prometheus)", () =>
    undefined)

promtoolTest('Prometheus takes its configuration, and each alarm rings when it must and only then', () => {
  promtool('check', 'config', 'prometheus/prometheus.yml')
  expect(promtool('test', 'rules', 'prometheus/rules.test.yml')).toContain('SUCCESS')
})

test('alarms and dashboard speak of metrics that there are, and each alarm is tried', async () => {
  const rules = parse(read('prometheus/rules.yml')) as {
    groups: { rules: { alert: string; expr: string }[] }[]
  }
  const dashboard = JSON.parse(read('grafana/noodle.json')) as { panels: { targets: { expr: string }[] }[] }
  const alarms = rules.groups.flatMap((group) => group.rules)
  const expressions = [
    ...alarms.map(({ expr }) => expr),
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ]
  const known = new Set((await makeMetrics().registry.getMetricsAsJSON()).map(({ name }) => name))
  for (const expression of expressions)
    for (const name of expression.match(/\b(noodle|process)_[a-z_]+/g) ?? [])
      expect(known).toContain(known.has(name) ? name : name.replace(/_(bucket|count|sum)$/, ''))

  const tried = read('prometheus/rules.test.yml')
  for (const { alert } of alarms) expect(tried.split(`alertname: ${alert}`).length - 1).toBe(2)
})
