/** What the processes of a campaign inherit: nothing that could be an option of theirs. */
export function inheritedEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' }
}
