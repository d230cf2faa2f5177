/** `ml key add·list·revoke`: who may talk to the server. A key is shown once, when it is made; the server keeps its hash. */
import { MlError } from "../../core/error.ts";
import type { Role } from "../../protocol/requests.ts";
import { safeText } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { textTable } from "../text-table.ts";

const add = defineCommand({
  name: "add",
  group: "set up",
  summary: "make a key for a user; it is shown once",
  positionals: [{ name: "USER", about: "user name, as runs will show it" }],
  flags: {
    role: flag.choice(["viewer", "user", "admin"], "what it may do; default: user"),
    label: flag.text("TEXT", "where it is used, to tell it from others"),
  },
  examples: [["ml key add alice --label laptop", "print a new key for alice"]],
  schemas: { "ml.key.add/1": "`key_id`, `user`, `role`, `key`" },
  async run(context, args) {
    const [user = ""] = args.words;
    if (!/^[A-Za-z0-9_.@-]{1,64}$/.test(user)) {
      throw new MlError("usage", `\`${user}\` cannot be a user name`, {
        hint: "use 1 to 64 letters, digits, `_`, `.`, `@` and `-`",
      });
    }
    const connection = await context.connect({ start: true });
    const role = (args.flags.role ?? "user") as Role;
    const made = await connection.ask("key.add", { user, role, label: args.flags.label });
    context.output.say(
      `this key of ${made.user} (${made.role}) is shown once; there: \`ml init --host HOST --key KEY\``,
    );
    context.output.result({
      schema: "ml.key.add/1",
      value: () => made,
      ids: () => [made.key],
      rows: () => [[made.key_id, made.user, made.role, made.key]],
      human: () => `${made.key}\n`,
    });
  },
});

const list = defineCommand({
  name: "list",
  group: "set up",
  summary: "who has a key, and when it was last used",
  positionals: [],
  flags: {},
  examples: [["ml key list", "all keys; never the keys themselves"]],
  schemas: { "ml.key.list/1": "`keys`: each `key_id`, `user`, `role`, `label`, `added_at`, `last_used_at`" },
  async run(context) {
    const connection = await context.connect();
    const { keys } = await connection.ask("key.list", {});
    const cells = (key: (typeof keys)[number]) => [
      key.key_id,
      key.user,
      key.role,
      key.label,
      key.added_at,
      key.last_used_at,
    ];
    context.output.result({
      schema: "ml.key.list/1",
      value: () => ({ keys }),
      ids: () => keys.map((key) => key.key_id),
      rows: () => keys.map(cells),
      human: () => {
        if (keys.length === 0) return "no keys: whoever can open the server's socket is its admin\n";
        const rows = keys.map((key) => [
          key.key_id,
          safeText(key.user),
          key.role,
          safeText(key.label ?? ""),
          key.added_at.slice(0, 10),
          key.last_used_at?.slice(0, 16).replace("T", " ") ?? "never",
        ]);
        return textTable(["key", "user", "role", "label", "added", "last used (UTC)"], rows, {
          heading: (text) => context.output.paint("dim", text),
        });
      },
    });
  },
});

const revoke = defineCommand({
  name: "revoke",
  group: "set up",
  summary: "make a key worthless at once",
  positionals: [{ name: "KEY", about: "its id, as `ml key list` shows it" }],
  flags: {},
  examples: [["ml key revoke k_1a2b", "also ends its open connections"]],
  schemas: { "ml.key.revoke/1": "`key_id`, `user`" },
  async run(context, args) {
    const [key_id = ""] = args.words;
    const connection = await context.connect();
    const gone = await connection.ask("key.revoke", { key_id });
    context.output.result({
      schema: "ml.key.revoke/1",
      value: () => gone,
      ids: () => [gone.key_id],
      rows: () => [[gone.key_id, gone.user]],
      human: () => `revoked ${gone.key_id} of ${safeText(gone.user)}\n`,
    });
  },
});

export const command = defineCommand({
  name: "key",
  group: "set up",
  summary: "add, list and revoke API keys",
  positionals: [],
  flags: {},
  examples: [],
  actions: { add, list, revoke },
  async run() {
    throw new MlError("usage", "`ml key` wants an action", {
      hint: "ml key add USER, ml key list, ml key revoke KEY",
    });
  },
});
