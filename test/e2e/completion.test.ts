/** Completion in a real bash: the script is sourced, readline's variables are set as bash sets them, its answers read. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mlBinary, mlEnv, runMl, serverHome } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { tempFolder } from "../support/temp.ts";

/** Bash breaks the line by itself: `complete -F` is driven through a pty-less `bash -i` with programmable completion. */
async function complete(line: string, options: { home: string; env?: Record<string, string> }): Promise<string[]> {
  const script = `
    source <("$ML" completion bash)
    COMP_LINE=$1 COMP_POINT=\${#1}
    read -r -a COMP_WORDS <<<"$1"
    [[ $1 == *" " ]] && COMP_WORDS+=("")
    last=\${COMP_WORDS[\${#COMP_WORDS[@]}-1]}
    if [[ $last == @?* ]]; then COMP_WORDS[\${#COMP_WORDS[@]}-1]=@; COMP_WORDS+=("\${last#@}"); fi
    if [[ $last == *=* ]]; then COMP_WORDS[\${#COMP_WORDS[@]}-1]=\${last%%=*}; COMP_WORDS+=("="); [[ $last == *=?* ]] && COMP_WORDS+=("\${last#*=}"); fi
    COMP_CWORD=$((\${#COMP_WORDS[@]}-1))
    compopt() { echo "compopt $*"; }
    ml() { "$ML" "$@"; }
    _ml
    printf '%s\\n' "\${COMPREPLY[@]}"
  `;
  const bin = tempFolder();
  Bun.spawnSync(["ln", "-s", mlBinary(), join(bin, "ml")]);
  const env = mlEnv({ home: options.home, env: options.env ?? {} });
  const child = Bun.spawn(["bash", "--norc", "-c", script, "bash", line], {
    env: { ...env, ML: mlBinary(), PATH: `${bin}:${env.PATH}` },
    cwd: options.home,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

const bash = needs("bash");

bash(
  "commands, actions, flags and their values complete without a server",
  async () => {
    const home = tempFolder();
    expect(await complete("ml sta", { home })).toEqual(["status"]);
    expect(await complete("ml key ", { home })).toEqual(["add", "list", "revoke"]);
    expect(await complete("ml key add --ro", { home })).toEqual(["--role"]);
    expect(await complete("ml key add bob --role ", { home })).toEqual(["viewer", "user", "admin"]);
    expect(await complete("ml status --color=al", { home })).toEqual(["always"]);
    expect(await complete("ml --color ", { home })).toEqual(["auto", "always", "never"]);
    expect(await complete("ml config get worker_h", { home })).toEqual(["worker_host"]);
    expect(await complete("ml completion z", { home })).toEqual(["zsh"]);
    expect(await complete("ml logs @l", { home })).toEqual(["@last"]);
    expect(await complete("ml queue tr", { home })).toEqual(["compopt -o default"]);
  },
  120_000,
);

bash(
  "names of runs and tags come live from the server",
  async () => {
    const home = serverHome();
    const work = tempFolder();
    writeFileSync(join(work, "t.py"), "print(1)\n");
    const queued = await runMl(["queue", "--name", "warmup-test", "--tag", "ablation", "t.py", "-q"], {
      home,
      cwd: work,
    });
    const runId = queued.stdout.trim();
    await runMl(["wait", runId], { home });
    expect(await complete("ml info warm", { home })).toEqual(["warmup-test"]);
    expect(await complete(`ml logs ${runId.slice(0, 12)}`, { home })).toEqual([runId]);
    expect(await complete("ml find stat", { home })).toEqual(["compopt -o nospace", "status:"]);
    expect(await complete("ml find runti", { home })).toEqual(["compopt -o nospace", "runtime\\>="]);
    expect(await complete("ml export --where tag:ab", { home })).toEqual(["tag:ablation"]);
  },
  120_000,
);

bash(
  "a server that accepts and never answers does not make the shell hang",
  async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    try {
      const env = { ML_SERVER_URL: `ws://127.0.0.1:${silent.port}` };
      expect(await complete("ml info @", { home: tempFolder(), env })).toEqual(["@last", "@running", "@failed"]);
    } finally {
      silent.stop(true);
    }
  },
  120_000,
);

bash(
  "[S6] a run's name is never expanded by the shell nor passes control codes",
  async () => {
    const home = serverHome();
    const work = tempFolder();
    writeFileSync(join(work, "t.py"), "print(1)\n");
    const evil = `x$(touch ${join(home, "ran")})`;
    await runMl(["queue", "--name", evil, "t.py", "-q"], { home, cwd: work });
    await runMl(["wait", "@last"], { home });
    const words = await complete("ml info x", { home });
    expect(await Bun.file(join(home, "ran")).exists()).toBe(false);
    expect(words.join()).not.toContain("\x1b");
  },
  120_000,
);

for (const shell of ["zsh", "fish"]) {
  needs(shell)(`the script for ${shell} is accepted by ${shell}`, async () => {
    const home = tempFolder();
    const { stdout } = await runMl(["completion", shell], { home });
    mkdirSync(join(home, "x"));
    writeFileSync(join(home, "x/script"), stdout);
    chmodSync(join(home, "x/script"), 0o755);
    const checked = Bun.spawnSync([shell, "-n", join(home, "x/script")], { stderr: "pipe" });
    expect([checked.exitCode, checked.stderr.toString()]).toEqual([0, ""]);
  });
}

test("an unknown shell is named with those that are known", async () => {
  const ran = await runMl(["completion", "bsh"], { home: tempFolder() });
  expect([ran.code, ran.stderr.includes("did you mean `bash`?")]).toEqual([2, true]);
});
