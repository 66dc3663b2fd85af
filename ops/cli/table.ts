import { coloured, oneLine } from './text.ts'

export interface Column<Row> {
  title: string
  value: (row: Row) => string | number
  /** Numbers read best to the right. */
  align?: 'right'
  /** For tables that come page by page, whose pages must line up; default the longest value's. */
  minWidth?: number
  colour?: (row: Row) => Parameters<typeof coloured>[0] | undefined
}

/** Lines of aligned columns, below their titles unless these stood above an earlier page. */
export function tableOf<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { hasTitles = true } = {},
): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => oneLine(String(value(row)))))
  const widths = columns.map(({ title, minWidth = 0 }, i) =>
    Math.max(minWidth, title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  )
  const pad = (text: string, i: number): string =>
    columns[i]?.align === 'right' ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)

  const titles = columns.map(({ title }, i) => pad(title, i)).join('  ')
  const lines = rows.map((row, n) =>
    columns
      .map(({ colour }, i) => {
        const text = pad(cells[n]?.[i] ?? '', i)
        const format = colour?.(row)
        return format === undefined ? text : coloured(format, text)
      })
      .join('  ')
      .trimEnd(),
  )
  return hasTitles ? [coloured('bold', titles.trimEnd()), ...lines] : lines
}

/** `name  value` lines, without those that have no value. */
export function pairsOf(pairs: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const width = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
