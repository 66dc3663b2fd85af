/** Events in the order of their time; of equal times the one that was put in first comes first, so that a run is the same each time. */
export interface EventHeap {
  /** When the next one is; Infinity when there is none. */
  nextAt(): number
  put(at: number, kind: number, subject: number, check: number): void
  /** Takes the next one off; its parts are then in `kind`, `subject` and `check`. */
  take(): void
  kind: number
  subject: number
  check: number
}

/** A binary heap over columns of numbers: millions of events, and no object for each. */
export function makeEventHeap(): EventHeap {
  let size = 0
  let order = 0
  let room = 1024
  let at = new Float64Array(room)
  let turn = new Float64Array(room)
  let parts = new Int32Array(room * 3)

  const isBefore = (a: number, b: number): boolean => {
    const [first, second] = [at[a] as number, at[b] as number]
    return first < second || (first === second && (turn[a] as number) < (turn[b] as number))
  }
  const move = (from: number, to: number): void => {
    at[to] = at[from] as number
    turn[to] = turn[from] as number
    parts.copyWithin(to * 3, from * 3, from * 3 + 3)
  }
  const swap = (a: number, b: number): void => {
    move(a, room - 1)
    move(b, a)
    move(room - 1, b)
  }
  const grow = (): void => {
    room *= 2
    const [oldAt, oldTurn, oldParts] = [at, turn, parts]
    at = new Float64Array(room)
    turn = new Float64Array(room)
    parts = new Int32Array(room * 3)
    at.set(oldAt)
    turn.set(oldTurn)
    parts.set(oldParts)
  }

  const heap: EventHeap = {
    kind: 0,
    subject: 0,
    check: 0,
    nextAt: () => (size > 0 ? (at[0] as number) : Infinity),
    put(time, kind, subject, check) {
      if (size >= room - 1) grow() // the last place is what swaps go over
      let place = size++
      at[place] = time
      turn[place] = order++
      parts[place * 3] = kind
      parts[place * 3 + 1] = subject
      parts[place * 3 + 2] = check
      while (place > 0) {
        const parent = (place - 1) >> 1
        if (!isBefore(place, parent)) return
        swap(place, parent)
        place = parent
      }
    },
    take() {
      heap.kind = parts[0] as number
      heap.subject = parts[1] as number
      heap.check = parts[2] as number
      size--
      if (size === 0) return
      move(size, 0)
      let place = 0
      for (;;) {
        let least = place
        for (let child = 2 * place + 1; child <= 2 * place + 2; child++) {
          if (child < size && isBefore(child, least)) least = child
        }
        if (least === place) return
        swap(place, least)
        place = least
      }
    },
  }
  return heap
}
