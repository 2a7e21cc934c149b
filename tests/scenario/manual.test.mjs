// What is written of the programs for who types: each command and option is in its manual page and offered by the shell's completion, and nothing else is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Terminal } from "../harness/terminal.mjs";

const TREE = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(process.env.PROGRAMS, "bin");
const COMPLETIONS = { sandboxctl: "ctl/sandboxctl.bash", "create-user": "ctl/sandboxctl.bash", "sandbox-run": "sandbox/run/sandbox-run.bash" };

// Fields of the journal, and the names of messages.
const NO_SETTINGS = new Set(["SANDBOX_SANDBOX"]);

const page = (name) => readFileSync(join(TREE, "docs/man", name), "utf8");
const run = (program, ...words) => execFileSync(join(BIN, program), words, { encoding: "utf8", env: {} });
const optionsOf = (text) => [...new Set([...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name]) => name))].sort();
// In mdoc(7) an option is "Fl -name".
const optionsIn = (text) => [...new Set([...text.matchAll(/\bFl -([a-z][a-z-]*)/g)].map(([, name]) => name))].sort();

// {words: options} as `sandboxctl help` has them.
function commands() {
    const lines = run("sandboxctl", "help").split("\n").filter((line) => /^ {2}[a-z]/.test(line));
    return Object.fromEntries(lines.map((line) => [/^ {2}([a-z-]+(?: [a-z]+)?)/.exec(line)[1], optionsOf(line)]));
}

test("sandboxctl(1) has each command with its options", () => {
    const items = page("sandboxctl.1").split(/^\.It Cm /m).slice(1);
    const sections = {};
    for (const item of items) for (const words of /^[a-z, -]+/.exec(item)[0].split(",")) sections[words.trim()] = item;
    const known = commands();
    assert.ok(Object.keys(known).length > 20);
    assert.deepEqual(Object.keys(sections).sort(), Object.keys(known).sort());
    // The name of an account may be given as --username to all of them; the page says so once.
    for (const [words, options] of Object.entries(known)) assert.deepEqual(optionsIn(sections[words]).filter((name) => name !== "username"), options, words);
});

test("create-user(1) and sandbox-run(1) have each option", () => {
    const usage = run("sandboxctl", "help").split("\n").find((line) => line.startsWith("  user create"));
    assert.deepEqual(optionsIn(page("create-user.1")), [...optionsOf(usage), "username"].sort());
    const help = run("sandbox-run", "--help").split("\n").filter((line) => line.startsWith("  --")).map((line) => optionsOf(line)[0]);
    assert.deepEqual(optionsIn(page("sandbox-run.1")).filter((name) => name !== ""), help.sort());
});

test("the examples of sandbox-run(1) do what they say", (t) => {
    const directory = mkdtempSync(join(tmpdir(), "manual-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const files = { "script.py": "print(sum(range(9)))\n", Makefile: "all:\n\tid -u >built\n", "page.html": "<p id=a></p><script>a.textContent = 6 * 7</script>" };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    mkdirSync(join(directory, "job"));
    writeFileSync(join(directory, "job/words"), "b\na\n");
    const made = (name) => readFileSync(join(directory, name), "utf8");
    const expected = [
        (out) => assert.equal(out, "36\n"),
        () => assert.equal(made("built"), "1000\n"),
        (out) => assert.match(out, /<p id="a">42<\/p>/),
        () => assert.equal(made("job/words"), "a\nb\n"),
        (out) => assert.deepEqual([out, JSON.parse(made("report.json")).cause], ["hello\n", "exited"]),
    ];
    const examples = [...page("sandbox-run.1").matchAll(/^\.Dl (sandbox-run .*)$/gm)].map(([, line]) => line);
    assert.equal(examples.length, expected.length);
    const env = { PATH: `${BIN}:/usr/bin:/bin`, LANG: "C.UTF-8" };
    for (const [i, line] of examples.entries()) expected[i](execFileSync("sh", ["-c", line], { cwd: directory, env, encoding: "utf8", timeout: 60000 }));
});

test("each test that the table of threats names is one", () => {
    const build = join(process.env.PROGRAMS, "..");
    const listed = execFileSync("ctest", ["-N", "--test-dir", build], { encoding: "utf8" });
    const known = new Set([...listed.matchAll(/Test +#\d+: (\S+)/g)].map(([, name]) => name));
    const threats = readFileSync(join(TREE, "docs/THREATS.md"), "utf8");
    const named = [...threats.matchAll(/(?<![\w/])(?:(?:scenario|escape|e2e|vm)\.|(?:unit|fuzz|streaming|export|store|test)_)[a-z][a-z0-9_-]*(?![\w./-])/g)].map(([name]) => name);
    assert.ok(named.length > 100);
    const fuzzed = (name) => existsSync(join(TREE, "tests/fuzz", `${name}.c`)); // built by another preset
    assert.deepEqual([...new Set(named)].filter((name) => !known.has(name) && !fuzzed(name)), []);
});

test("sandbox-server.env(5) and the operator's manual name what a reload takes over", () => {
    const table = /reloadable\[\] = \{([^}]*)\}/.exec(readFileSync(join(TREE, "server/reload.c"), "utf8"))[1];
    const keys = [...table.matchAll(/CONFIG_(\w+)/g)].map(([, key]) => key);
    assert.ok(keys.length > 5);
    const manual = readFileSync(join(TREE, "docs/OPERATIONS.md"), "utf8");
    for (const [where, text] of [["page", /takes over ([^.]*)\./.exec(page("sandbox-server.env.5.in"))[1]], ["manual", /takes over ([^.]*)\./.exec(manual)[1]]])
        assert.deepEqual([...text.matchAll(/\b[A-Z]+_[A-Z_]+\b/g)].map(([key]) => key).sort(), keys.slice().sort(), where);
});

test("the operator's manual and README name commands, options, settings, metrics and files that exist", () => {
    const known = commands();
    const settings = execFileSync(join(BIN, "sandbox-server"), ["--help"], { encoding: "utf8" });
    const metrics = readFileSync(join(TREE, "server/metrics_text.c"), "utf8");
    const wrong = [];
    const expect = (there, what) => there || wrong.push(what);
    for (const name of ["docs/OPERATIONS.md", "README.md"]) {
        const text = readFileSync(join(TREE, name), "utf8");
        const code = [...text.matchAll(/`([^`\n]+)`|^ {4}(.*(?:\\\n.*)*)/gm)].map(([, inline, block]) => (inline ?? block).replaceAll("\\\n", " ").replace(/ #.*/, ""));
        for (const [, words] of code.flatMap((line) => [...line.matchAll(/(?:\bsandboxctl|\bscripts\/ctl) ([^;|&>)]*)/g)])) {
            const command = Object.keys(known).sort((a, b) => b.length - a.length).find((each) => `${words} `.startsWith(`${each} `));
            expect(command, `${name}: sandboxctl ${words}`);
            for (const option of optionsOf(words)) expect(option === "username" || known[command]?.includes(option), `${name}: sandboxctl ${words}: --${option}`);
        }
        for (const [path] of code.flatMap((line) => [...line.matchAll(/(?<![\w/])(?:scripts|tests|deploy|docs|haproxy|bench)\/[\w./-]*\w/g)])) expect(existsSync(join(TREE, path)), `${name}: ${path}`);
        for (const [, metric] of code.flatMap((line) => [...line.matchAll(/\bsandbox_server_(\w+)/g)])) expect(metrics.includes(`${metric.replace(/_total$/, "")}"`) || metrics.includes(`sandbox_server_${metric}`), `${name}: ${metric}`);
        for (const [, key] of text.matchAll(/\b((?:SANDBOX|BACKUP|RECORDING|CLIPBOARD|JWT|STORAGE|METRICS|CERTIFICATE|TRUSTED|ALLOWED|DISPLAY|VIDEO|LOG|FILE|NODE)_[A-Z_]+[A-Z])\b/g))
            if (!NO_SETTINGS.has(key)) expect(new RegExp(`^\\s*${key}\\b`, "m").test(settings), `${name}: ${key}`);
    }
    assert.deepEqual(wrong, []);
});

// What the shell offers behind these words.
function offered(...words) {
    const script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$(tr - _ <<<"$1")"; printf "%s\\n" "${COMPREPLY[@]}"';
    const text = execFileSync("bash", ["-c", script, "bash", join(TREE, COMPLETIONS[words[0]]), ...words], { encoding: "utf8", env: { PATH: `${BIN}:/usr/bin:/bin` } });
    return [...new Set(text.split("\n").filter(Boolean))].sort();
}

test("the shell completes the options of create-user and sandbox-run, and no more behind --", () => {
    assert.deepEqual(offered("create-user", "--"), optionsIn(page("create-user.1")).map((name) => `--${name}`));
    assert.deepEqual(offered("sandbox-run", "--"), [...new Set(["", ...optionsIn(page("sandbox-run.1"))])].map((name) => `--${name}`).sort());
    assert.deepEqual(offered("sandbox-run", "--json", "--me"), ["--memory"]);
    assert.deepEqual(offered("sandbox-run", "--", "python3", "--"), []);
});

test("the shell completes each command and each option", () => {
    const known = commands();
    const first = [...new Set(Object.keys(known).map((words) => words.split(" ")[0]))].sort();
    assert.deepEqual(offered("sandboxctl", ""), first);
    assert.deepEqual(offered("sandboxctl", "ha"), ["haproxy-config"]);
    for (const [words, options] of Object.entries(known)) {
        const list = words.split(" ");
        if (list[1]) assert.ok(offered("sandboxctl", list[0], "").includes(list[1]), words);
        assert.deepEqual(offered("sandboxctl", ...list, "--"), options.map((name) => `--${name}`), words);
    }
    assert.deepEqual(offered("sandboxctl", "nonsense", ""), []);
});

test("the shell completes behind options, and what an option or a command is given", () => {
    assert.deepEqual(offered("sandboxctl", "--config", "/etc/x", "drain", "--o"), ["--off"]);
    assert.deepEqual(offered("sandboxctl", "--"), ["--config", "--secrets"]);
    assert.deepEqual(offered("sandboxctl", "--config", "=", "/etc/x", "drain", "--o"), ["--off"]);
    assert.deepEqual(offered("sandboxctl", "sandbox", "list", "--all", "--j"), ["--json"]);
    for (const words of [["--role", ""], ["--role", "="], ["--role", "=", ""]]) {
        assert.deepEqual(offered("sandboxctl", "user", "create", "ada", ...words), ["admin", "user"]);
        assert.deepEqual(offered("create-user", ...words), ["admin", "user"]);
    }
    assert.deepEqual(offered("sandboxctl", "drain", "--node", "--"), []);
    const files = [["restore"], ["restore", "--key"], ["config", "check"], ["--config"], ["backup", "--directory"]];
    for (const words of files) assert.deepEqual(offered("sandboxctl", ...words, join(TREE, "README")), [join(TREE, "README.md")], words.join(" "));
    assert.deepEqual(offered("sandboxctl", "user", "disable", join(TREE, "README")), []);
});

test("a shell on a terminal offers the options of drain", async () => {
    const terminal = new Terminal({ env: { PATH: `${BIN}:${process.env.PATH}` } });
    try {
        terminal.type(`source ${join(TREE, COMPLETIONS.sandboxctl)}; bind 'set show-all-if-ambiguous on'; clear; echo set up`);
        await terminal.shows("the shell", (lines) => lines[0] === "set up");
        terminal.press("sandboxctl drain --", "Tab");
        await terminal.shows("what is offered", /^--node +--off$/m);
    } finally {
        terminal.close();
    }
});

test("behind every command --help shows its usage, and does nothing", () => {
    for (const [words, options] of Object.entries(commands())) {
        const text = run("sandboxctl", ...words.split(" "), "--help");
        assert.match(text, new RegExp(`^usage: sandboxctl ${words}\\b`));
        assert.deepEqual(optionsOf(text.split("\n")[0]), options, words);
    }
    assert.match(run("create-user", "--help"), /^usage: create-user --username NAME/);
});
