/** What a driver rejects with when it can't do a thing just now without doing harm. Nothing was done; it is asked again. */
export class NotYet extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'NotYet'
  }
}
