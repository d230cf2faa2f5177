/**
 * Brings a file to the disk while somebody else in this process writes it, so that little is left to wait for at its end.
 * The file is closed here last: closing any of its descriptors would give up the locks that the writer holds on it.
 */
import * as fs from "node:fs";
import { promisify } from "node:util";

const dataSync = promisify(fs.fdatasync);

export class SteadySync {
  private readonly fd: number;
  private underWay: Promise<void> | null = null;
  private failure: { cause: unknown } | null = null;

  constructor(path: string) {
    this.fd = fs.openSync(path, "r+");
  }

  /** Goes on beside the caller; one at a time. */
  soon(): void {
    this.underWay ??= dataSync(this.fd)
      .catch((cause: unknown) => {
        this.failure = { cause };
      })
      .finally(() => {
        this.underWay = null;
      });
  }

  /** Once the writer has closed the file: all of it is on the disk. Throws what any of the syncs threw. */
  async finish(): Promise<void> {
    await this.underWay;
    // An error is told once: a sync after one that failed would say that all is well.
    if (this.failure !== null) throw this.failure.cause;
    fs.fsyncSync(this.fd);
  }

  async close(): Promise<void> {
    await this.underWay;
    fs.closeSync(this.fd);
  }
}
