import { fsBench } from "./bench.ts";
import { queueConformance } from "./conformance.ts";

queueConformance("filesystem", { makeBench: fsBench });
