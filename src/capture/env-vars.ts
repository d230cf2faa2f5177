/**
 * Which environment variables are recorded, and how: values of those that change what a script computes; everything
 * that looks like a credential by name alone, with null for a value. Pure. Where in doubt a value is left out.
 */
import { isSecretName, isSecretValue } from "../core/secrets.ts";
import type { Probe } from "./probe.ts";

/** Variables whose values are recorded; a trailing `*` stands for any ending. */
export const recordedNames = [
  ..."CUDA_* CUBLAS_* CUDNN_* NVIDIA_* NCCL_* ROCR_* HIP_* GPU_DEVICE_ORDINAL".split(" "),
  ..."PYTHON* VIRTUAL_ENV CONDA_* PYENV_VERSION UV_* PIP_* POETRY_*".split(" "),
  ..."OMP_* MKL_* OPENBLAS_* NUMEXPR_* KMP_* GOMP_* BLIS_* VECLIB_* RAYON_NUM_THREADS".split(" "),
  ..."TORCH_* PYTORCH_* TORCHINDUCTOR_* TRITON_* TF_* JAX_* XLA_* KERAS_* HF_* TRANSFORMERS_* TOKENIZERS_*".split(" "),
  ..."WORLD_SIZE RANK LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT SLURM_*".split(" "),
  ..."LANG LANGUAGE LC_* TZ PATH LD_LIBRARY_PATH LD_PRELOAD HOME TMPDIR MPLBACKEND SOURCE_DATE_EPOCH".split(" "),
];

/** Longest value that is kept whole, in characters. */
const valueLimit = 4096;

function isRecorded(name: string, asked: ReadonlySet<string>): boolean {
  if (asked.has(name)) return true;
  return recordedNames.some((rule) => (rule.endsWith("*") ? name.startsWith(rule.slice(0, -1)) : name === rule));
}

/**
 * What is kept of an environment, sorted by name: values of the recorded ones (cut at 4,096 characters, which is then
 * said at their end), null for whatever looks like a credential, nothing of the rest. A secret that is repeated inside another variable masks that one too.
 */
export function maskEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  askedNames: readonly string[] = [],
): Record<string, string | null> {
  const asked = new Set(askedNames);
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const secret = ([name, value]: [string, string]) => isSecretName(name) || isSecretValue(value);
  const known = entries
    .filter((entry) => secret(entry) && entry[1].trim().length >= 8)
    .map(([, value]) => value.trim());
  const kept = entries.flatMap(([name, value]): [string, string | null][] => {
    if (name.startsWith("BUN_")) return [];
    if (secret([name, value])) return [[name, null]];
    if (!isRecorded(name, asked)) return [];
    if (known.some((other) => value.includes(other))) return [[name, null]];
    if (value.length <= valueLimit) return [[name, value]];
    return [[name, `${value.slice(0, valueLimit)}… (cut; ${value.length} characters in all)`]];
  });
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

export const envVarsProbe: Probe = {
  name: "env vars",
  limitMs: 1000,
  async run({ childEnv, askedNames }) {
    return { environment: { env_vars: maskEnvironment(childEnv, askedNames) } };
  },
};
