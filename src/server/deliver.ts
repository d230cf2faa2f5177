/**
 * The two ways out of the machine: a command of the server's owner, and a webhook. The command is an array of words and never
 * meets a shell; it gets the JSON on stdin, a bare environment without our keys, and thirty seconds. The webhook gets one POST;
 * redirects are not followed, and its URL, which is a secret, is never in an error.
 */
import { messageOf } from "../core/error.ts";
import { type Notification, notificationVariables } from "./notification.ts";

const commandMs = 30_000;
const webhookMs = 10_000;
const shownBytes = 300;

/** Null where it was delivered; else one sentence that says why not, and whether it may go better in a moment. */
export type Delivery = { why: string; passing: boolean } | null;

/** What a command of the owner's may need, and nothing of ours. */
function bareEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
  ];
  return Object.fromEntries(kept.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
}

async function readSome(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) if (text.length < shownBytes) text += decoder.decode(chunk, { stream: true });
  return text.trim().split("\n")[0]?.slice(0, shownBytes) ?? "";
}

export async function runCommand(words: readonly string[], notification: Notification): Promise<Delivery> {
  const [program = ""] = words;
  try {
    const child = Bun.spawn({
      cmd: [...words],
      cwd: "/",
      env: { ...bareEnvironment(process.env), ...notificationVariables(notification) },
      stdin: new TextEncoder().encode(`${JSON.stringify(notification)}\n`),
      stdout: "ignore",
      stderr: "pipe",
      timeout: commandMs,
      killSignal: "SIGKILL",
    });
    // Whatever it leaves behind may hold stderr open: it is not waited for.
    const said = readSome(child.stderr);
    const code = await child.exited;
    if (code === 0) return null;
    const hint = await Promise.race([said, Bun.sleep(200).then(() => "")]);
    const why = child.signalCode === "SIGKILL" ? `was ended after ${commandMs / 1000} s` : `exited with status ${code}`;
    return { why: `the command \`${program}\` ${why}${hint === "" ? "" : `: ${hint}`}`, passing: true };
  } catch (cause) {
    return { why: `the command \`${program}\` could not be started: ${messageOf(cause)}`, passing: false };
  }
}

/** The name of the host alone. */
function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "an address that is no URL";
  }
}

export async function postWebhook(url: string, notification: Notification): Promise<Delivery> {
  const host = hostOf(url);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "ml" },
      body: JSON.stringify(notification),
      redirect: "manual",
      signal: AbortSignal.timeout(webhookMs),
    });
    await response.body?.cancel();
    if (response.status >= 200 && response.status < 300) return null;
    const passing = response.status >= 500 || response.status === 429;
    return { why: `the webhook at ${host} answered ${response.status}`, passing };
  } catch (cause) {
    const why =
      cause instanceof Error && cause.name === "TimeoutError"
        ? `did not answer in ${webhookMs / 1000} s`
        : "cannot be reached";
    return { why: `the webhook at ${host} ${why}`, passing: true };
  }
}
