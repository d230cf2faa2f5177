/** What the index knows of runs like one: from its manifest to a prediction, for submissions, plans and estimates. */
import type { Catalog } from "../catalog/catalog.ts";
import type { Similar } from "../protocol/foresight.ts";
import type { Manifest } from "../run/manifest.ts";
import { type PastRun, signatureOf } from "../run/past-run.ts";
import { type Prediction, predict, propose } from "../schedule/predict.ts";

/** So many of a script's newest runs are looked at. */
const looked = 150;

/** Asks the index once a script and works once for equal arguments: for many runs at a time. */
export function foreseer(catalog: Catalog): (manifest: Manifest) => Prediction | null {
  const past = new Map<string, PastRun[]>();
  const known = new Map<string, Prediction | null>();
  return (manifest) => {
    const signature = signatureOf(manifest);
    const runs = past.get(signature.script) ?? catalog.past.ofScript(signature.script, looked);
    past.set(signature.script, runs);
    if (runs.length === 0) return null;
    const key = JSON.stringify(signature);
    const before = known.get(key);
    if (before !== undefined) return before;
    const prediction = predict(runs, signature);
    known.set(key, prediction);
    return prediction;
  };
}

export function similarOf(prediction: Prediction): Similar {
  return { ...prediction, proposed: propose(prediction) };
}
