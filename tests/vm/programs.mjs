// Test programs of the build, run in a machine that has the project bound where it stands here.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = dirname(process.env.PROGRAMS ?? join(PROJECT, "build/checked/stage"));
const SLOWNESS = "10"; // how much longer than elsewhere is waited for what has to come

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// As root in a leaf of a delegated group, on the staged programs or those in the directory `programs`. Gives what it printed; fails unless its tests passed.
export async function runTestProgram(machine, path, { args = [], programs, env = {}, timeoutMs } = {}) {
    const staged = [join(PROJECT, "tests/harness/with-programs"), join(BUILD, "stage")];
    const command = [join(PROJECT, "tests/vm/leaf"), ...(programs ? [] : staged), join(BUILD, path), ...args];
    const inside = (name) => join(BUILD, "tests/escape", name);
    const variables = {
        DOORS: inside("sandbox-doors"),
        STREAMER_DOORS: inside("streamer-doors"),
        TICK_DOORS: inside("tick-doors"),
        FUZZER: inside("sandbox-fuzz"),
        BOMB: inside("sandbox-bomb"),
        OPEN_DOORS: join(PROJECT, "tests/escape/open_doors.txt"),
        THREATS: join(PROJECT, "docs/THREATS.md"),
        TEST_SLOWNESS: SLOWNESS,
        ...(programs && { PROGRAMS: programs }),
        ...env,
    };
    // With the keyring of its user, as a session has it: what a canary keeps there can be read.
    const result = await machine.run(command.map(quoted).join(" "), { properties: { Delegate: "yes", KeyringMode: "shared" }, env: variables, timeoutMs });
    assert.equal(result.status, 0, result.text);
    assert.match(result.text, /\[ {2}PASSED {2}\] [1-9]/, "no test ran");
    return result.text;
}
