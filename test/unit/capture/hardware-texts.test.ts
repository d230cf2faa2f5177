import { describe, expect, test } from "bun:test";
import { driverVersion, modelNames } from "../../../src/capture/gpu-driver.ts";
import { parseGpus } from "../../../src/capture/nvidia-smi.ts";
import { prettyName, readCpu } from "../../../src/capture/system.ts";

describe("what the system's texts say", () => {
  test("the name of the system, quoted or not", () => {
    expect(prettyName('ID=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe("Debian GNU/Linux 12 (bookworm)");
    expect(prettyName("PRETTY_NAME=Alpine\n")).toBe("Alpine");
    expect(prettyName("ID=x\n")).toBeNull();
  });

  test("threads and cores of a processor with hyper-threading on two sockets", () => {
    const block = (n: number, socket: number, core: number) =>
      `processor\t: ${n}\nmodel name\t: Some CPU @ 2 GHz\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;
    const text = [block(0, 0, 0), block(1, 0, 0), block(2, 1, 0), block(3, 1, 0)].join("\n");
    expect(readCpu(text)).toEqual({ model: "Some CPU @ 2 GHz", threads: 4, cores: 2 });
  });

  test("the driver version of the proprietary and of the open kernel module", () => {
    const closed =
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  525.105.17  Tue Mar 28 18:02:59 UTC 2023\nGCC version: 12";
    const open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs)\n";
    expect(driverVersion(closed)).toBe("525.105.17");
    expect(driverVersion(open)).toBe("550.54.15");
    expect(driverVersion("")).toBeNull();
  });

  test("[G1] rows of nvidia-smi with N/A fields, foreign lines and missing columns", () => {
    const csv = [
      "0, GPU-aaa, NVIDIA A100-SXM4-80GB, 00000000:07:00.0, 81920, 550.54.15",
      "1, GPU-bbb, NVIDIA A100-SXM4-80GB, [N/A], [Not Supported], [Unknown Error]",
      "some warning of the driver",
      "",
    ].join("\n");
    expect(parseGpus(csv)).toEqual([
      {
        index: 0,
        uuid: "GPU-aaa",
        name: "NVIDIA A100-SXM4-80GB",
        pci_bus_id: "00000000:07:00.0",
        memory_total_mb: 81920,
        driver_version: "550.54.15",
      },
      {
        index: 1,
        uuid: "GPU-bbb",
        name: "NVIDIA A100-SXM4-80GB",
        pci_bus_id: null,
        memory_total_mb: null,
        driver_version: null,
      },
    ]);
  });

  test("equal GPUs are named once", () => {
    expect(modelNames(["A", "A", "B"])).toBe("A, B");
    expect(modelNames([])).toBeNull();
  });
});
