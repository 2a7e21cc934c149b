// One user of load.mjs: a sign-in and a desktop, and a choice of what to do next that is the same on each run.
import assert from "node:assert/strict";

import { until } from "./until.mjs";

export const PASSWORD = "a long enough password";
export const GONE = "gone";
export const ENDED = "ended";
const SUCCESSOR_MS = 9000; // so long a refresh may be repeated whose answer was lost (store/DESIGN.md)
const SHARES_MAX = 8;

// Park and Miller.
function chooser(seed) {
    let state = seed;
    return (count) => {
        state = (state * 48271) % 2147483647;
        return state % count;
    };
}

// Done, refused, or not known: there was no answer, or one that tells of a failure in the middle.
const outcomeOf = (answer) => (!answer || answer.status >= 500 ? null : answer.status < 300);

const stateOf = ({ status }) => (status === 200 ? "good" : `void, ${status}`);

export class Person {
    #load;
    #choose;
    #made = 0;
    #shares = [];
    #recordings = []; // that nobody wanted to delete yet
    #known = new Set(); // all that were finished
    #refreshLostAt = null;
    sandbox = null;

    constructor(load, client, name, seed) {
        this.#load = load;
        this.#choose = chooser(seed);
        this.client = client;
        this.name = name;
    }

    get #ledger() {
        return this.#load.ledger;
    }

    // As the browser does it: an access token that is not taken any more is changed for another.
    async #ask(method, path, options) {
        const answer = await this.#load.ask(this.client, method, path, options);
        if (answer?.status !== 401 || !(await this.#refresh())) return answer;
        return this.#load.ask(this.client, method, path, options);
    }

    #read(path) {
        const found = async () => {
            const answer = await this.#ask("GET", path);
            return answer && answer.status < 500 && answer;
        };
        return until(`an answer to ${path}`, found, this.#load.readyMs);
    }

    async #list(path) {
        return (await this.#load.once(`${this.name} ${path}`, () => this.#read(path))).body.items;
    }

    async begin() {
        assert.equal((await this.client.login(this.name, PASSWORD)).status, 200);
        this.#ledger.add(`sign-in of ${this.name}`, "good", async () => stateOf(await this.#read("/api/users/me")));
        await this.#startSandbox();
    }

    async turn() {
        if (!this.sandbox) return this.#startSandbox();
        const turns = [this.#share, this.#share, this.#setAccess, this.#revoke, this.#setNetwork, this.#setLimit, this.#refresh, this.#record];
        const rare = [this.#signInAndOut, this.#deleteRecording, this.#stopSandbox];
        const pick = this.#choose(4 * turns.length);
        const outcome = await (pick < rare.length ? rare[pick] : turns[pick % turns.length]).call(this);
        if (outcome === null) await this.#read("/api/users/me"); // until the service answers again
    }

    async verify() {
        const { body } = await this.#read("/api/sandboxes");
        const active = body.items.filter(({ state }) => state !== ENDED).map(({ id, state }) => `${id} ${state}`);
        assert.deepEqual(active, this.sandbox ? [`${this.sandbox.id} running`] : [], `the sandboxes of ${this.name}`);
    }

    // The one with this key, however often it is asked for.
    async #startSandbox() {
        const headers = { "idempotency-key": `${this.name}-${++this.#made}` };
        const answered = async () => {
            const answer = await this.#ask("POST", "/api/sandboxes", { body: { template: "desktop" }, headers });
            return answer && answer.status < 500 && answer;
        };
        const { status, body, text } = await until("an answer to a start", answered, this.#load.readyMs);
        assert.equal(status, 201, text);
        if (body.state === ENDED) return; // with what cut the start off
        assert.equal(body.state, "running", text);
        this.#takeSandbox(body);
    }

    #takeSandbox({ id, limits, layers }) {
        const sandbox = { id, parts: [], limited: layers.find(({ name }) => name === "process_limit").state === "on" };
        const path = `/api/sandboxes/${id}`;
        const settledState = async () => {
            const { status, body } = await this.#read(path);
            assert.equal(status, 200, `sandbox ${id} is not known`);
            return ["running", ENDED].includes(body.state) && body.state;
        };
        const stateNow = () => until(`the state of sandbox ${id}`, settledState, this.#load.readyMs);
        sandbox.fact = this.#ledger.add(`sandbox ${id}`, "running", stateNow, (state) => state === ENDED && this.#forget(sandbox));
        if (this.#load.mayEnd) this.#ledger.permit(sandbox.fact, ENDED);
        const part = (name, value, of) => {
            const fact = this.#ledger.add(`${name} of sandbox ${id}`, value, async () => of((await this.#read(path)).body));
            sandbox.parts.push(fact);
            return fact;
        };
        sandbox.network = part("the network", "", ({ network }) => network.rules.join(" "));
        sandbox.pids = part("the limit", String(limits.pids), (row) => String(row.limits.pids));
        this.sandbox = sandbox;
        this.#shares = [];
        this.#ledger.acknowledged++;
    }

    // What belongs to a sandbox ends with it; that it has ended stays in the ledger.
    #forget(sandbox) {
        for (const fact of sandbox.parts) this.#ledger.remove(fact);
        sandbox.parts = [];
        if (this.sandbox === sandbox) this.sandbox = null;
    }

    // The request that is to make a fact `value`. made: is told the answer when it was acknowledged.
    #change(fact, value, method, path, { body, made = () => {} } = {}) {
        return this.#ledger.change(fact, value, async () => {
            const answer = await this.#askAtRest(method, path, body ? { body } : {});
            const outcome = outcomeOf(answer);
            if (outcome) made(answer);
            if (outcome === false) await this.#endedMeanwhile(answer);
            return outcome;
        });
    }

    // A change whose answer was lost may still be in progress: the next one is refused until it is known what is in force.
    async #askAtRest(method, path, options) {
        let answer;
        const settled = async () => {
            answer = await this.#ask(method, path, options);
            return answer?.status !== 409 || !answer.body.detail.includes("is being changed");
        };
        await until("the end of an earlier change", settled, this.#load.readyMs);
        return answer;
    }

    // Nothing else makes a request be refused.
    async #endedMeanwhile(answer) {
        const { sandbox } = this;
        assert.ok([404, 409].includes(answer.status), answer.text);
        const ended = async () => {
            const { body } = await this.#read(this.#at(""));
            return body.state === ENDED && body;
        };
        const body = await until(`the end of the sandbox that is told by ${answer.text}`, ended, this.#load.readyMs);
        assert.ok(sandbox.fact.permitted.has(ENDED), `sandbox ${sandbox.id} ended: ${JSON.stringify(body.stop)}`);
        this.sandbox = null;
    }

    #at(path) {
        return `/api/sandboxes/${this.sandbox.id}${path}`;
    }

    #share() {
        if (this.#shares.length >= SHARES_MAX) return this.#revoke();
        const path = this.#at("/shares");
        const label = `link ${++this.#made}`;
        const accessNow = async () => (await this.#list(path)).find((item) => item.label === label)?.access ?? GONE;
        const fact = this.#ledger.add(`${label} of sandbox ${this.sandbox.id}`, GONE, accessNow);
        this.sandbox.parts.push(fact);
        const made = ({ body: { id } }) => this.#shares.push({ fact, path: `${path}/${id}` });
        return this.#change(fact, "view", "POST", path, { body: { access: "view", label }, made });
    }

    #setAccess() {
        if (this.#shares.length === 0) return this.#share();
        const { fact, path } = this.#shares[this.#choose(this.#shares.length)];
        const access = this.#choose(2) ? "view" : "control";
        return this.#change(fact, access, "PATCH", path, { body: { access } });
    }

    #revoke() {
        const share = this.#shares.shift();
        return share ? this.#change(share.fact, GONE, "DELETE", share.path) : this.#share();
    }

    #setNetwork() {
        const rules = Array.from({ length: this.#choose(4) }, () => `host${this.#choose(1000)}.test:443`);
        const network = rules.length ? { mode: "allow", rules } : { mode: "none" };
        return this.#change(this.sandbox.network, rules.join(" "), "PATCH", this.#at(""), { body: { network } });
    }

    #setLimit() {
        if (!this.sandbox.limited) return this.#setNetwork();
        const pids = 200 + this.#choose(300);
        return this.#change(this.sandbox.pids, String(pids), "PATCH", this.#at(""), { body: { limits: { pids } } });
    }

    // The answer may be lost after the old token was used up: then it may be repeated for a while.
    async #refresh() {
        const answer = await this.#load.attempt("a refresh", (signal) => this.client.refresh(this.client.cookie, { signal }));
        const outcome = outcomeOf(answer);
        if (outcome === null) {
            this.#refreshLostAt ??= performance.now();
            return null;
        }
        const tooLate = this.#refreshLostAt !== null && performance.now() - this.#refreshLostAt > SUCCESSOR_MS;
        assert.ok(outcome || tooLate, `a refresh of ${this.name}: ${answer.text}`);
        this.#refreshLostAt = null;
        if (!outcome) await this.#signInAgain();
        this.#ledger.acknowledged++;
        return true;
    }

    async #signInAgain() {
        const answered = async () => {
            const answer = await this.#load.attempt("a sign-in", (signal) => this.client.login(this.name, PASSWORD, { signal }));
            return answer && answer.status < 500 && answer;
        };
        const { status, text } = await until("an answer to a sign-in", answered, this.#load.readyMs);
        assert.equal(status, 200, text);
    }

    async #signInAndOut() {
        const other = this.#load.newClient();
        const answer = await this.#load.attempt("a sign-in", (signal) => other.login(this.name, PASSWORD, { signal }));
        if (!outcomeOf(answer)) {
            assert.equal(outcomeOf(answer), null, answer?.text);
            return null;
        }
        const fact = this.#ledger.add(`sign-in ${++this.#made} of ${this.name}`, "good", async () => stateOf(await this.#load.read(other, "/api/users/me")));
        return this.#ledger.change(fact, "void, 401", async () => outcomeOf(await this.#load.attempt("a sign-out", (signal) => other.logout({ signal }))));
    }

    // Begins a recording, or ends it.
    async #record() {
        const { sandbox } = this;
        const method = sandbox.records ? "DELETE" : "POST";
        const answer = await this.#ask(method, this.#at("/recording"));
        const outcome = outcomeOf(answer);
        if (outcome === false) await this.#endedMeanwhile(answer);
        if (!outcome) return outcome;
        this.#ledger.acknowledged++;
        sandbox.records = !sandbox.records;
        if (!sandbox.records) await this.#takeRecordings();
        return true;
    }

    // What was finished stays as long as it was.
    async #takeRecordings() {
        const { body } = await this.#read("/api/recordings");
        for (const { id, bytes } of body.items) {
            if (this.#known.has(id)) continue;
            this.#known.add(id);
            const now = async () => {
                const found = (await this.#list("/api/recordings")).find((item) => item.id === id);
                return !found ? GONE : found.bytes >= bytes ? "kept" : `cut to ${found.bytes} bytes`;
            };
            this.#recordings.push({ id, fact: this.#ledger.add(`recording ${id}`, "kept", now) });
        }
    }

    #deleteRecording() {
        const recording = this.#recordings.shift();
        if (!recording) return this.#record();
        return this.#ledger.change(recording.fact, GONE, async () => outcomeOf(await this.#ask("DELETE", `/api/recordings/${recording.id}`)));
    }

    async #stopSandbox() {
        const { sandbox } = this;
        const outcome = await this.#ledger.change(sandbox.fact, ENDED, async () => outcomeOf(await this.#ask("DELETE", this.#at(""))));
        if (outcome) this.sandbox = null;
        return outcome;
    }
}
