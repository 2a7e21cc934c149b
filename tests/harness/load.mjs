// Load on a running instance by people and an operator who change everything that is kept; each acknowledged change stands in a ledger (ledger.mjs).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

import { Ledger } from "./ledger.mjs";
import { ENDED, GONE, PASSWORD, Person } from "./load_person.mjs";
import { until } from "./until.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const ANSWER_MS = 40000; // no request may wait longer, whatever is broken: a start is given up after 30 s
const DARK_MS = 1000;
const READY_MS = 60000; // nor anybody for a service that works again

export class Load {
    #server;
    #workers = [];
    #stopped = true;
    #failure = null;
    #accounts = [];
    #readAtRest = null;
    #asked = new Set();
    #dark = false;
    mayEnd = false;
    people = [];
    ledger = new Ledger();
    answers = new Map(); // how often each status came; 0: none came

    // newClient: makes a client of the interface under test. ctl: carries out words of sandboxctl with an input: {status, out, err}. slowness: of a machine
    // that takes so many times longer.
    constructor(server, { newClient = () => this.#server.client(), ctl, slowness = 1 } = {}) {
        this.#server = server;
        this.newClient = newClient;
        if (ctl) this.ctl = ctl;
        this.answerMs = slowness * ANSWER_MS;
        this.readyMs = slowness * READY_MS;
    }

    // An instance that took the place of the one before, with the same state.
    moveTo(server) {
        this.#server = server;
        for (const { client } of this.people) client.url = server.url;
    }

    // Nobody is there, as on a machine without power (true), until there is (false): answers are not waited for.
    dark(dark) {
        this.#dark = dark;
        for (const controller of this.#asked) controller.abort();
    }

    // One request. null: no answer, as its connection broke.
    ask(client, method, path, options) {
        return this.attempt(`${method} ${path}`, (signal) => client.request(method, path, { ...options, signal }));
    }

    // The same of whatever a client does: request is given the signal that ends it.
    async attempt(what, request) {
        const controller = new AbortController();
        let late = false;
        const giveUp = () => {
            late = !this.#dark;
            controller.abort();
        };
        const timer = setTimeout(giveUp, this.#dark ? DARK_MS : this.answerMs);
        this.#asked.add(controller);
        const answer = await request(controller.signal).catch(() => null);
        clearTimeout(timer);
        this.#asked.delete(controller);
        assert.ok(!late, `${what}: no answer within ${this.answerMs} ms`);
        assert.notEqual(answer?.status, 500, `${what}: ${answer?.text}`);
        this.answers.set(answer?.status ?? 0, (this.answers.get(answer?.status ?? 0) ?? 0) + 1);
        return answer;
    }

    // Reads until there is an answer that tells: {status, body}.
    read(client, path) {
        const found = async () => {
            const answer = await this.ask(client, "GET", path);
            return answer && answer.status < 500 && answer;
        };
        return until(`an answer to ${path}`, found, this.readyMs);
    }

    ctl(args, input = "") {
        const { stateDir } = this.#server;
        const env = { PATH: process.env.PATH, HOME: stateDir, STATE_DIR: stateDir };
        return new Promise((resolve) => {
            const child = execFile(CTL, args, { env }, (error, out, err) => resolve({ status: error ? (error.code ?? 1) : 0, out, err }));
            child.stdin.on("error", () => {}); // it may end without reading
            child.stdin.end(input);
        });
    }

    async #users() {
        const list = async () => {
            const { status, out } = await this.ctl(["user", "list", "--json"]);
            return status === 0 && JSON.parse(out);
        };
        return until("the list of accounts", list, this.readyMs);
    }

    // A command that failed may have been carried out all the same.
    async #operate(account, state, args, input) {
        const outcome = await this.ledger.change(account.fact, state, async () => ((await this.ctl(args, input)).status === 0 ? true : null));
        if (outcome) account.state = state;
        else await this.#users();
        return outcome;
    }

    async #addAccount() {
        const account = { name: `user${this.#accounts.length + 1}`, state: GONE };
        this.#accounts.push(account);
        const stateNow = async () => {
            const user = (await this.once("accounts", () => this.#users())).find(({ username }) => username === account.name);
            return !user ? GONE : user.disabled_at ? "disabled" : "enabled";
        };
        account.fact = this.ledger.add(`account ${account.name}`, GONE, stateNow, (state) => (account.state = state));
        await this.#operate(account, "enabled", ["user", "create", account.name, "--password-stdin"], `${PASSWORD}\n`);
        return account;
    }

    // Each account is made, locked and unlocked.
    async #operatorsTurn() {
        const account = this.#accounts.at(-1);
        const used = this.people.some(({ name }) => name === account.name);
        if (used || account.state === GONE || account.wasLocked) return this.#addAccount();
        account.wasLocked = account.state === "disabled";
        const [state, word] = account.wasLocked ? ["enabled", "enable"] : ["disabled", "disable"];
        return this.#operate(account, state, ["user", word, account.name]);
    }

    // So many people with an account, a sign-in and a desktop each.
    async start(count) {
        for (let i = 0; i < count; i++) {
            const { name } = await this.#addAccount();
            const person = new Person(this, this.newClient(), name, i + 1);
            await person.begin();
            this.people.push(person);
        }
    }

    // At rest only.
    resume() {
        assert.ok(this.#stopped);
        this.#stopped = false;
        const forever = async (turn) => {
            while (!this.#stopped && !this.#failure) await turn();
        };
        const turns = [() => this.#operatorsTurn(), ...this.people.map((person) => () => person.turn())];
        this.#workers = turns.map((turn) => forever(turn).catch((error) => (this.#failure ??= error)));
    }

    // All finish what they are doing.
    async pause() {
        this.#stopped = true;
        await Promise.all(this.#workers);
        this.check();
    }

    // Who waits for what the load does would wait for nothing once it has failed.
    check() {
        if (this.#failure) throw this.#failure;
    }

    // Waits for so many further acknowledged changes: what happens meanwhile happens under load.
    async acknowledge(count) {
        const goal = this.ledger.acknowledged + count;
        const reached = () => {
            this.check();
            return this.ledger.acknowledged >= goal;
        };
        await until(`${count} acknowledged changes`, reached, this.readyMs);
    }

    // What was read at rest is not read again for the next fact.
    once(name, read) {
        if (!this.#readAtRest) return read();
        if (!this.#readAtRest.has(name)) this.#readAtRest.set(name, read());
        return this.#readAtRest.get(name);
    }

    // Compares everything with what the service says, at rest.
    async verify() {
        await this.pause();
        this.#readAtRest = new Map();
        await this.ledger.verify();
        this.#readAtRest = null;
        for (const person of this.people) await person.verify();
    }

    // Sandboxes may end without anybody's wish from now on, also those that are started meanwhile; or, with false, those that are started later may not.
    sandboxesMayEnd(may = true) {
        this.mayEnd = may;
        for (const { sandbox } of this.people) {
            if (may && sandbox) this.ledger.permit(sandbox.fact, ENDED);
        }
    }
}
