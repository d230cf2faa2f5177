/** `ml dataset verify` of data on a network mount that hangs, goes, forbids, loses bytes and changes. */
import { expect } from "bun:test";
import { truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onFuse } from "../support/nas.ts";
import { until } from "../support/temp.ts";
import { dataProcesses, type MountLab, openIn, openMountLab } from "./lab.ts";

const verifier =
  (lab: MountLab) =>
  async (...more: string[]) => {
    const { code, stdout, stderr } = await lab.ml(["dataset", "verify", "far", ...more]);
    return [code, stdout + stderr];
  };

onFuse(
  "[D8] a look at a dataset whose mount hangs is given up, the next is answered at once, until it is back",
  async () => {
    const lab = await openMountLab();
    const verify = verifier(lab);
    lab.nas.obey("hang");
    expect(await verify()).toEqual([75, expect.stringContaining("gave no answer in 1 s")]);
    expect(await verify()).toEqual([75, expect.stringContaining("gives no answer since")]);
    expect(await lab.status()).toContain("slots free");
    lab.nas.obey();
    await until("nobody stuck", () => dataProcesses(lab.far).length === 0);
    expect((await verify())[0]).toBe(0);
  },
);

onFuse(
  "[D9 D14 D15] what is wrong with a mount is no change of its data; a change is told, one in the middle of the reading too",
  async () => {
    const lab = await openMountLab({ ML_DATA_TIMEOUT_SECONDS: 20 });
    const verify = verifier(lab);
    const behind = (name: string) => join(lab.nas.behind, name);
    lab.nas.obey("deny");
    expect(await verify()).toEqual([4, expect.stringContaining("cannot be read")]);
    lab.nas.obey("fail-every 2");
    expect(await verify("--full")).toEqual([1, expect.stringMatching(/cannot be read: EIO/)]);
    lab.nas.obey("short 1000");
    expect(await verify("--full")).toEqual([1, expect.stringContaining("it ended after 1000 of 300000 bytes")]);
    lab.nas.obey();
    lab.nas.unmount();
    expect(await verify()).toEqual([
      3,
      expect.stringContaining("is empty, and was registered with files: is it mounted?"),
    ]);
    await lab.nas.mount();

    // Clocks of mounts are wrong: what is read again is the same.
    utimesSync(behind("a"), new Date("2099-01-01"), new Date("2099-01-01"));
    utimesSync(behind("b"), new Date("1999-01-01"), new Date("1999-01-01"));
    expect((await verify())[0]).toBe(0);

    lab.nas.obey("hang-reads");
    const truncated = verify("--full");
    const cut = await openIn(lab.far);
    truncateSync(behind(cut), 1000);
    lab.nas.obey();
    expect(await truncated).toEqual([8, expect.stringContaining(`~ ${cut}`)]);
    writeFileSync(behind(cut === "a" ? "b" : "a"), "other");
    expect(await verify()).toEqual([8, expect.stringContaining("2 files changed")]);
  },
);
