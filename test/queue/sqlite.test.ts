import { sqliteBench } from "./bench.ts";
import { queueConformance } from "./conformance.ts";

queueConformance("sqlite", { makeBench: sqliteBench });
