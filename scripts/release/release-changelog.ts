const unreleased = '## [Unreleased]'

/** What stands under [Unreleased], without blank lines around it; null when there is no such heading. */
export function unreleasedNotes(changelog: string): string | null {
  const lines = changelog.split('\n')
  const begin = lines.indexOf(unreleased)
  if (begin < 0) return null
  const end = lines.findIndex((line, i) => i > begin && line.startsWith('## '))
  return lines
    .slice(begin + 1, end < 0 ? undefined : end)
    .join('\n')
    .trim()
}

/** What stood under [Unreleased] stands under the version; an empty [Unreleased] is above it. `day`: as 2026-11-27. */
export const releaseChangelog = (changelog: string, version: string, day: string): string =>
  changelog.replace(`${unreleased}\n`, `${unreleased}\n\n## [${version}] - ${day}\n`)
