const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** A size for a person: `512 bytes`, `1.5 MiB`. */
export function showBytes(bytes: number): string {
  const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** step
  return `${step === 0 ? String(bytes) : value.toFixed(1)} ${units[step] ?? ''}`
}
