/** A real redis-server on a Unix socket in a folder of its own; never the system's service. */
import { join } from "node:path";
import { until } from "../support/temp.ts";

/** Written and synced before it is acknowledged: for tests that look for it after a kill. */
export const keepsAll = ["--appendfsync", "always"];

export class RedisServer {
  readonly folder: string;
  readonly socket: string;
  readonly url: string;
  #process: Bun.Subprocess | null = null;

  constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, "redis.sock");
    this.url = `redis+unix://${this.socket}`;
  }

  /** As redis is set by default, a kill may lose what it acknowledged in the second before; not with `keepsAll`. */
  async start(...more: string[]): Promise<void> {
    const options = [
      "--port",
      "0",
      "--unixsocket",
      this.socket,
      "--dir",
      this.folder,
      "--daemonize",
      "no",
      "--save",
      "",
    ];
    this.#process = Bun.spawn(["redis-server", ...options, "--appendonly", "yes", ...more], {
      stdout: "ignore",
      stderr: "ignore",
      stdin: "ignore",
    });
    await until("redis-server to answer", () => this.ping());
  }

  async ping(): Promise<boolean> {
    const client = new Bun.RedisClient(this.url, { autoReconnect: false, connectionTimeout: 500 });
    try {
      await client.connect();
      return (await client.send("PING", [])) === "PONG";
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  async command(name: string, ...args: string[]): Promise<unknown> {
    const client = new Bun.RedisClient(this.url, { autoReconnect: false, connectionTimeout: 2000 });
    try {
      await client.connect();
      return await client.send(name, args);
    } finally {
      client.close();
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
    this.#process = null;
  }
}
