/** `ml completion bash|zsh|fish`: prints the script that makes the shell complete `ml`. */
import { defineCommand } from "../command.ts";
import { completionScripts } from "../completion-scripts.ts";

export const command = defineCommand({
  name: "completion",
  group: "set up",
  summary: "print the completion script of a shell",
  about: "Completes commands and flags, and live from the server: runs, tags, groups and metric names.",
  brokenConfig: true,
  positionals: [{ name: "SHELL", about: "bash, zsh or fish", choices: Object.keys(completionScripts) }],
  flags: {},
  examples: [
    ['eval "$(ml completion bash)"', "in ~/.bashrc"],
    ["ml completion zsh > ~/.zfunc/_ml", "a folder of fpath"],
    ["ml completion fish > ~/.config/fish/completions/ml.fish", "for fish"],
  ],
  schemas: { "ml.completion/1": "`shell`, `script`" },
  async run(context, args) {
    const [shell = ""] = args.words;
    const script = completionScripts[shell] ?? "";
    context.output.result({
      schema: "ml.completion/1",
      value: () => ({ shell, script }),
      ids: () => [],
      rows: () => [[shell, script]],
      human: () => script,
    });
  },
});
