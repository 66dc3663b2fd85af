/** Puts this process's wall clock wrong by so much: what it reads itself, not what its children, threads or stores do. Durations stay right. */
export function skewClock(skewMs: number): void {
  const RealDate = Date
  const now = (): number => RealDate.now() + skewMs
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget: NewableFunction) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver: unknown) =>
      name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown),
  })
}
