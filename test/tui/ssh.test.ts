/** `ml monitor` over a real ssh to this machine: an sshd of our own on a loopback port, with keys made for the test. */
import { expect } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { openWire } from "../../bench/wire.ts";
import { openLab } from "../e2e/lab.ts";
import { afterTest } from "../support/after-test.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";
import { openTerminal } from "./tmux.ts";

function run(...cmd: string[]): void {
  const ran = Bun.spawnSync(cmd);
  if (ran.exitCode !== 0) throw new Error(`${cmd.join(" ")}: ${ran.stderr}`);
}

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}

/** Starts sshd; what it hands to the login is `env`, and `ml-tui` is on its PATH. */
async function openSshd(env: Record<string, string>): Promise<{ port: number; folder: string }> {
  const folder = tempFolder();
  const port = freePort();
  mkdirSync(`${folder}/bin`);
  symlinkSync(mlBinary(), `${folder}/bin/ml-tui`);
  run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${folder}/host`);
  run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${folder}/user`);
  writeFileSync(`${folder}/authorized`, readFileSync(`${folder}/user.pub`), { mode: 0o600 });
  const set = Object.entries({ ...env, PATH: `${folder}/bin:${process.env.PATH}` }).map(
    ([name, value]) => `"${name}=${value}"`,
  );
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized`,
    `PidFile ${folder}/pid`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    `SetEnv ${set.join(" ")}`,
  ];
  writeFileSync(`${folder}/sshd_config`, `${config.join("\n")}\n`);
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  const sshd = Bun.which("sshd", { PATH: `${process.env.PATH}:/usr/sbin` }) ?? "/usr/sbin/sshd";
  const child = Bun.spawn([sshd, "-D", "-e", "-f", `${folder}/sshd_config`], { stderr: Bun.file(`${folder}/log`) });
  afterTest(() => child.kill());
  await until("sshd", async () => {
    const log = await Bun.file(`${folder}/log`)
      .text()
      .catch(() => "");
    return log.includes("Server listening");
  });
  return { port, folder };
}

/** Settings, and an `ssh` of its own that does not compress (the worse case), for a client whose server is behind `port`: a user's own ssh config has no say here. */
function farClient(port: number, folder: string): { cwd: string; env: Record<string, string> } {
  const client = tempFolder();
  mkdirSync(`${client}/.ml`);
  const user = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
  writeFileSync(
    `${client}/.ml/config.toml`,
    `worker_host = "127.0.0.1"\nworker_user = "${user}"\nworker_port = ${port}\n`,
    { mode: 0o600 },
  );
  mkdirSync(`${client}/bin`);
  const options = `-F none -i ${folder}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o Compression=no`;
  writeFileSync(`${client}/bin/ssh`, `#!/bin/sh\nexec ${Bun.which("ssh")} ${options} "$@"\n`, { mode: 0o755 });
  return { cwd: client, env: { ...mlEnv({ home: client }), PATH: `${client}/bin:${process.env.PATH}` } };
}

const overSsh = needs("tmux", "sshd", "ssh", "ssh-keygen");

overSsh("[C1] ml monitor opens the screen on the server's machine, and leaves nothing when ssh drops", async () => {
  const lab = openLab();
  await lab.queue(["--name", "far_away", "--hypothesis", "ssh carries only the screen", "-f", "--", "true"]);
  const { port, folder } = await openSshd({ HOME: lab.home, LANG: "C.UTF-8" });
  const client = farClient(port, folder);
  const terminal = openTerminal(`${mlBinary()} monitor; echo "it ended with $?"; exec sleep 1000`, client);
  await terminal.sees("far_away", "ssh carries only the screen", "● live");
  terminal.press("q");
  await terminal.sees("it ended with 0");
  expect(terminal.ask("#{alternate_on} #{mouse_any_flag}")).toBe("0 0");
  const again = openTerminal(`${mlBinary()} monitor`, client);
  await again.sees("far_away", "● live");
  const ours = () => Bun.spawnSync(["pgrep", "-f", `^ml-tui`]).stdout.toString().trim().split("\n").filter(Boolean);
  const before = ours();
  expect(before.length).toBeGreaterThan(0);
  again.kill();
  await until("the end of the far process", () => before.every((pid) => !ours().includes(pid)));
});

const flood = `import sys, time
for n in range(1000000):
    print(f"line {n} loss: {1 / (n + 1):.6f} with some words behind it, so that it is as long as such lines are")
    if n % 500 == 0:
        sys.stdout.flush()
        time.sleep(0.1)
`;

overSsh("a link of 20 kB/s carries a large screen with a flooding log, and keys are not left behind it", async () => {
  const lab = openLab();
  lab.put("flood.py", flood);
  await lab.queue(["--name", "flooding", "--", "python3", "flood.py"]);
  const { port, folder } = await openSshd({ HOME: lab.home, LANG: "C.UTF-8" });
  const link = openWire(port, 20, { bytesPerSecond: 20_000 });
  afterTest(() => link.stop());
  const size = { columns: 160, rows: 50 };
  const terminal = openTerminal(`${mlBinary()} monitor`, { ...farClient(link.port, folder), ...size });
  await terminal.sees("flooding", "● live");
  terminal.press("l");
  await terminal.sees(/line \d+ loss/);
  const behind: number[] = [];
  for (let look = 0; look < 40; look++) {
    await Bun.sleep(50);
    behind.push(link.behind());
  }
  // What has not left yet is what a key's answer would wait behind: never a second's worth of the link.
  expect(Math.max(...behind)).toBeLessThan(20_000);
  expect(link.taken()).toBeGreaterThan(1000);
  terminal.press("?");
  await terminal.sees("search");
  terminal.press("Escape");
  await terminal.misses("search");
  // An esc and the answer to a frame that arrive as one: the key counts.
  terminal.press("?");
  await terminal.sees("search");
  terminal.type("\x1b\x1b[0n");
  await terminal.misses("search");
});
