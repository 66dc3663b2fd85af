/** A version by semver, without build metadata. */
const shape = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/

export const isVersion = (text: string): boolean => shape.test(text)

/** Negative when `a` comes before `b` (semver 2.0, 11). Both must be versions. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)]
  for (let i = 0; i < 3; i++) {
    const difference = (one.numbers[i] ?? 0) - (other.numbers[i] ?? 0)
    if (difference !== 0) return difference
  }
  if (one.names.length === 0 || other.names.length === 0) return other.names.length - one.names.length
  for (let i = 0; i < Math.max(one.names.length, other.names.length); i++) {
    const difference = compareNames(one.names[i], other.names[i])
    if (difference !== 0) return difference
  }
  return 0
}

function partsOf(version: string): { numbers: number[]; names: string[] } {
  const [, major, minor, patch, names] = shape.exec(version) ?? []
  return { numbers: [major, minor, patch].map(Number), names: names?.split('.') ?? [] }
}

/** The one that has fewer comes first; numbers come before words. */
function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (isNumber && isOtherNumber) return Number(a) - Number(b)
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}
