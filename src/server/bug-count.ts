/** Counts bugs of ours: many in a minute make the server say that it is not well. */

const unreadyAfter = 10;

export class BugCount {
  private readonly atMs: number[] = [];

  add(): void {
    this.atMs.push(performance.now());
    if (this.atMs.length > unreadyAfter) this.atMs.shift();
  }

  isHigh(): boolean {
    const first = this.atMs[0];
    return this.atMs.length >= unreadyAfter && first !== undefined && performance.now() - first < 60_000;
  }
}
