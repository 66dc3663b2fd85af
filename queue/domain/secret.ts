/** A letter, then letters, digits, dots, dashes or underscores, at most 64. */
export const secretNamePattern = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/

/** Of a value, in UTF-8. */
export const mostSecretBytes = 16_384

/** Of a tenant. */
export const mostSecrets = 200

/** That a task may ask for. */
export const mostSecretsOfTask = 32

/** Shorter texts occur by chance, so they can't be told from other output and hidden in it. */
export const leastSecretChars = 8

/** What is wrong with a value; null when it may be a secret. Never tells anything of the value. */
export function secretMisfit(value: string): string | null {
  if (Buffer.byteLength(value) > mostSecretBytes) return `must be at most ${String(mostSecretBytes)} bytes`
  if (!value.isWellFormed() || value.includes('\0')) return 'must be text without NUL characters'
  if (secretLines(value).length === 0)
    return `must have ${String(leastSecretChars)} characters or more in a line, so that it can be hidden in logs`
  return null
}

/** The lines of a value that are long enough to be recognised in a log. */
export const secretLines = (value: string): string[] =>
  value.split(/\r?\n/).filter((line) => line.trim().length >= leastSecretChars)
