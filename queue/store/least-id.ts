/** SQL for the least UUIDv7 of a time, itself given as SQL. */
export const leastIdAt = (time: string): string =>
  `(lpad(to_hex((extract(epoch FROM ${time}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid`
