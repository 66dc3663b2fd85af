/** A page: its title, what stands before, and the parts, with an empty line between. */
export const page = (title: string, ...parts: string[]): string =>
  `${[`# ${title}`, '<!-- Made from the code by npm run docs. -->', ...parts].join('\n\n')}\n`

export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  return [line(titles), `|${titles.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

export const code = (text: string): string => `\`${text}\``

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
