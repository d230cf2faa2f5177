/**
 * Why the local server gives no answer, where that is a disk: which of its folders gives none either. Each is asked by `stat` in a
 * child process that is not waited for; nothing here touches them. Loaded only when an answer is overdue.
 */
import { MlError } from "../core/error.ts";

const answerMs = 1500;

async function isSilent(path: string): Promise<boolean> {
  try {
    const child = Bun.spawn(["stat", "-f", "--", path], { stdio: ["ignore", "ignore", "ignore"], cwd: "/" });
    child.unref();
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), answerMs);
    const first = await Promise.race([child.exited, late.promise]);
    clearTimeout(timer);
    if (first === "late") child.kill("SIGKILL");
    return first === "late";
  } catch {
    return false;
  }
}

/** The first of the places that gives no answer, with what lies there; null where all do. */
async function silentPlace(places: readonly (readonly [what: string, path: string])[]): Promise<string | null> {
  const asked = await Promise.all(
    places.map(async ([what, path]) => ((await isSilent(path)) ? `\`${path}\`, where its ${what} lies,` : null)),
  );
  return asked.find((one) => one !== null) ?? null;
}

/** The error, or one that names the disk that is behind it. */
export async function withSilentPlace(
  error: MlError,
  { base, stateDir }: { base: string; stateDir: string },
): Promise<MlError> {
  const places = new Map([
    [stateDir, "state"],
    [base, "data"],
  ]);
  const found = await silentPlace([...places].map(([path, what]) => [what, path]));
  if (found === null) return error;
  return new MlError("unreachable", `the local server does not answer: ${found} gives no answer`, {
    cause: error.detail.cause,
    hint: "`findmnt` lists what is mounted; when it is back the server goes on where it was, and no run is lost",
  });
}
