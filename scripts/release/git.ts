import { execFileSync } from 'node:child_process'

/** What git says, without its last line end. @throws Error with its own words */
export const git = (root: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd()
