import type { Figures } from './measures.ts'

/** A Markdown table: medians over the rounds, a row for each figure, a column for each contender. */
export function report(figures: ReadonlyMap<string, Record<string, Figures[]>>): string {
  const names = [...figures.keys()]
  const medians = new Map(names.map((name) => [name, mediansOf(figures.get(name) ?? {})]))
  const rows = [...new Set([...medians.values()].flatMap((one) => Object.keys(one)))]
  return [
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---:').join('|')}|`,
    ...rows.map((row) => `| ${row} | ${names.map((name) => show(medians.get(name)?.[row])).join(' | ')} |`),
  ].join('\n')
}

function mediansOf(measures: Record<string, Figures[]>): Figures {
  const medians: Figures = {}
  for (const [measure, rounds] of Object.entries(measures)) {
    for (const figure of Object.keys(rounds[0] ?? {})) {
      const values = rounds.flatMap((round) => round[figure] ?? []).sort((a, b) => a - b)
      medians[figure.startsWith('cpu') ? `${measure}_${figure}` : figure] = median(values)
    }
  }
  return medians
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2
}

function show(value: number | undefined): string {
  if (value === undefined) return ''
  return value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en')
}
