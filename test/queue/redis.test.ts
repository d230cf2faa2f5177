import { needs } from "../support/require.ts";
import { redisBench } from "./bench.ts";
import { queueConformance } from "./conformance.ts";

queueConformance("redis", { makeBench: redisBench, test: needs("redis-server") });
