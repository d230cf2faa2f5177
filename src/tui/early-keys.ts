/**
 * Keys that are typed before there is a picture: the terminal is made to hand them over at once and unseen, they are kept, and
 * given to the screen when it is there. ctrl+c ends us at any time, as it would without.
 *
 * Invariant: whoever holds keys either gives them to a screen, which restores the terminal, or lets them go.
 */

const ctrlC = "\x03";
/** What people type ahead, as terminals send it: characters, control keys, arrows. Answers of the terminal are none. */
const key = /^(?:[^\x1b]|\x1b|\x1b[[O][ABCDHF])$/u;

export class EarlyKeys {
  private kept = "";
  private over = false;
  private readonly onData = (data: Buffer | string) => {
    this.kept += data.toString();
    if (!this.kept.includes(ctrlC)) return;
    this.letGo();
    process.kill(process.pid, "SIGINT");
  };

  constructor(private readonly stdin: NodeJS.ReadStream = process.stdin) {
    stdin.setRawMode(true);
    stdin.on("data", this.onData);
    stdin.resume();
  }

  /** The library reads from now on; it asks the terminal things before it tells of keys, so its input comes by here first. */
  handOver(): (sequence: string) => boolean {
    this.stdin.off("data", this.onData);
    this.stdin.pause();
    return (sequence) => {
      if (this.over || !key.test(sequence)) return false;
      this.kept += sequence;
      return true;
    };
  }

  /** Somebody listens now: what was kept is typed again. */
  replay(): void {
    this.over = true;
    if (this.kept !== "") this.stdin.emit("data", Buffer.from(this.kept));
  }

  /** No screen will come. */
  letGo(): void {
    if (this.over) return;
    this.over = true;
    this.stdin.off("data", this.onData);
    this.stdin.pause();
    this.stdin.setRawMode(false);
  }
}
