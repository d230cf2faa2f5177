import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { maskEnvironment } from "../../../src/capture/env-vars.ts";
import { isSecretName, isSecretValue, withoutUserInfo } from "../../../src/core/secrets.ts";

const secretNames = [
  ...["WANDB_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "PGPASS"],
  ...["GOOGLE_APPLICATION_CREDENTIALS", "BASIC_AUTH", "SESSION_COOKIE", "SSH_PRIVATE", "my_token", "SLACK_WEBHOOK"],
  ...["SENTRY_DSN", "TF_VAR_secret", "PIP_PASSWORD", "CUDA_LICENSE_KEY"],
];
const secretValues = [
  "sk-proj-abcdefghijklmnop1234",
  "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
  "github_pat_11ABCDEFG0abcdefghijklmn",
  "hf_abcdefghijklmnopqrstuvwx",
  "AKIAIOSFODNN7EXAMPLE",
  "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
  "xoxb-123456789012-abcdef",
  "glpat-abcdefghijklmnopqrst",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
  "-----BEGIN OPENSSH PRIVATE KEY-----\nxyz",
  "postgres://lab:hunter2@db.example/x",
  "https://0123456789abcdef0123@pypi.example/simple",
  "https://host/x?api_key=abcdef",
  "Bearer abcdefghijklmnop",
];

describe("maskEnvironment", () => {
  test("values that change a computation are kept, the rest is not mentioned", () => {
    const env = { CUDA_VISIBLE_DEVICES: "0,1", OMP_NUM_THREADS: "4", LC_ALL: "C", PYTHONHASHSEED: "0", EDITOR: "vi" };
    expect(maskEnvironment(env)).toEqual({
      CUDA_VISIBLE_DEVICES: "0,1",
      LC_ALL: "C",
      OMP_NUM_THREADS: "4",
      PYTHONHASHSEED: "0",
    });
  });

  test("a variable given with --env is kept", () => {
    expect(maskEnvironment({ MY_MODE: "fast", OTHER: "x" }, ["MY_MODE"])).toEqual({ MY_MODE: "fast" });
  });

  test.each(secretNames)("[P16] `%s` is recorded by name alone, asked for or not", (name) => {
    expect(maskEnvironment({ [name]: "plain" })).toEqual({ [name]: null });
    expect(maskEnvironment({ [name]: "plain" }, [name])).toEqual({ [name]: null });
  });

  test.each(secretValues)("[P16] a value like `%s` is not kept under any name", (value) => {
    for (const name of ["PYTHONPATH", "HF_HOME", "PLAIN"]) {
      expect(maskEnvironment({ [name]: `a ${value} b` }, [name])).toEqual({ [name]: null });
    }
  });

  test("[P16] a secret repeated inside an allowed variable masks that variable too", () => {
    const env = { DB_PASSWORD: "correct horse", TORCH_EXTRA: "--with=correct horse", TORCH_HOME: "/x" };
    expect(maskEnvironment(env)).toEqual({ DB_PASSWORD: null, TORCH_EXTRA: null, TORCH_HOME: "/x" });
  });

  test("[P16] a huge value is cut and says so; BUN_ variables are not recorded; LD_PRELOAD is", () => {
    const masked = maskEnvironment({ PATH: "x".repeat(100_000), BUN_OPTIONS: "--preload y", LD_PRELOAD: "/lib/z.so" }, [
      "BUN_OPTIONS",
    ]);
    expect(masked.PATH).toEndWith("… (cut; 100000 characters in all)");
    expect(masked.PATH?.length).toBeLessThan(5000);
    expect(masked).not.toHaveProperty("BUN_OPTIONS");
    expect(masked.LD_PRELOAD).toBe("/lib/z.so");
  });

  test("harmless names that sound secret are kept", () => {
    expect(maskEnvironment({ TOKENIZERS_PARALLELISM: "false" })).toEqual({ TOKENIZERS_PARALLELISM: "false" });
  });

  test("[P16] whatever else an environment holds, no secret survives in what is kept", () => {
    const name = fc.oneof(
      fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/),
      fc.constantFrom("PATH", "PYTHONPATH", "CUDA_HOME", "HF_HOME", "LANG", "TORCH_ARGS", "PIP_INDEX_URL"),
    );
    const wrap = fc.tuple(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }));
    const secret = fc.oneof(
      fc.record({ name: fc.constantFrom(...secretNames), value: fc.stringMatching(/^[A-Za-z0-9+/]{10,60}$/) }),
      fc.record({ name, value: fc.constantFrom(...secretValues) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.string()), { maxLength: 8 }),
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(name, wrap), { maxLength: 4 }),
        (plain, secrets, echoes) => {
          const first = secrets[0];
          const env: Record<string, string> = Object.fromEntries(plain);
          for (const [echo, [before, after]] of echoes) env[echo] = `${before} ${first?.value} ${after}`;
          for (const { name: secretName, value } of secrets) env[secretName] = value;
          const text = JSON.stringify(Object.values(maskEnvironment(env, Object.keys(env))));
          for (const { name: secretName, value } of secrets) {
            if (env[secretName] === value) expect(text).not.toContain(JSON.stringify(value).slice(1, -1));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("names and values are judged alike wherever they stand", () => {
  expect(isSecretName("api_key")).toBe(true);
  expect(isSecretName("PYTHONPATH")).toBe(false);
  expect(isSecretValue("/home/a/data")).toBe(false);
  expect(isSecretValue("git@github.com:a/b")).toBe(false);
});

test("user names and passwords are taken out of URLs; git@ stays", () => {
  expect(withoutUserInfo("https://user:pw@host/x")).toBe("https://host/x");
  expect(withoutUserInfo("git+https://tok@host/x")).toBe("git+https://host/x");
  expect(withoutUserInfo("ssh://git@host/x")).toBe("ssh://git@host/x");
  expect(withoutUserInfo("https://host/x@1")).toBe("https://host/x@1");
});
