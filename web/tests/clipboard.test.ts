import assert from "node:assert/strict";
import { test } from "node:test";
import { DesktopClipboard } from "../src/desktop/clipboard";
import { type ClipboardMessage, WireError } from "../src/stream/wire";
import { randomNumbers } from "./messages";

const INPUT = new Uint8Array([0x82, 1, 2, 3]).buffer;

function open(policy = { toSandbox: 1 << 20, toBrowser: 1 << 20 }) {
    const sent: DataView[] = [];
    const clipboard = new DesktopClipboard((message) => {
        sent.push(new DataView(message));
        return true;
    });
    clipboard.receive({ step: "policy", ...policy });
    return { clipboard, sent, steps: () => sent.map((view) => view.getUint8(0) === 0x89 ? view.getUint8(4) : 0) };
}

function pasteOf(text: string): DataTransfer {
    return { getData: () => text, files: [] } as unknown as DataTransfer;
}

test("what is typed after pasting leaves after what is pasted", async () => {
    const { clipboard, steps } = open();
    clipboard.expectPaste();
    clipboard.send(INPUT, false);
    const done = clipboard.paste(pasteOf("words"));
    clipboard.send(INPUT, false);
    await done;
    assert.deepEqual(steps(), [2, 3, 0, 0]);
    clipboard.send(INPUT, false);
    assert.equal(steps().length, 5);
});

test("keys go on when no paste event comes, and at once when pasting is off", async () => {
    const { clipboard, steps } = open();
    clipboard.expectPaste();
    clipboard.send(INPUT, false);
    assert.deepEqual(steps(), []);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(steps(), [0]);
    const off = open({ toSandbox: 0, toBrowser: 0 });
    off.clipboard.expectPaste();
    off.clipboard.send(INPUT, false);
    assert.deepEqual(off.steps(), [0]);
});

test("text that both sides have is not given again", async () => {
    const { clipboard, steps } = open();
    await clipboard.giveText("words");
    await clipboard.giveText("words");
    assert.deepEqual(steps(), [2, 3]);
});

test("a large text goes in pieces, no more than the window at a time", async () => {
    const { clipboard, sent, steps } = open();
    const done = clipboard.giveText("x".repeat(500_000));
    assert.deepEqual(steps(), [2, 3, 3]);
    let taken = 0;
    for (let i = 0; i < 100 && taken < 500_000; i++) {
        taken = sent.slice(1).reduce((sum, view) => sum + view.byteLength - 20, 0);
        clipboard.receive({ step: "taken", transfer: 1, bytes: taken });
    }
    await done;
    assert.equal(taken, 500_000);
});

test("a text that was on its way to a streamer that is gone begins anew with the next, before what was typed behind it", async () => {
    const { clipboard, sent, steps } = open();
    clipboard.expectPaste();
    clipboard.send(INPUT, false);
    const done = clipboard.paste(pasteOf("x".repeat(50_000)));
    clipboard.renew();
    await done;
    assert.deepEqual(steps(), [2, 3, 3, 0], "all of it was sent: nothing is on its way");
    sent.length = 0;
    const large = clipboard.paste(pasteOf("y".repeat(100_000)));
    assert.deepEqual(steps(), [2, 3, 3]);
    clipboard.receive({ step: "taken", transfer: 2, bytes: 10_000 });
    clipboard.expectPaste();
    clipboard.send(INPUT, false);
    sent.length = 0;
    clipboard.renew();
    assert.deepEqual(steps(), [2, 3, 3]);
    assert.deepEqual(sent.map((view) => view.getUint32(8, true)), [3, 3, 3]);
    clipboard.receive({ step: "taken", transfer: 2, bytes: 65_536 });
    assert.equal(sent.length, 3, "an answer that is late");
    clipboard.receive({ step: "taken", transfer: 3, bytes: 65_536 });
    await large;
    assert.deepEqual(steps(), [2, 3, 3, 3, 3]);
    assert.equal(clipboard.state.get().progress, null);
});

test("what was given to a streamer that is gone is given to the next", async () => {
    const { clipboard, steps } = open();
    await clipboard.giveText("words");
    clipboard.renew();
    await clipboard.giveText("words");
    assert.deepEqual(steps(), [2, 3, 2, 3]);
});

test("a connection that ends ends what waits for a transfer", async () => {
    const { clipboard } = open();
    const done = clipboard.giveText("x".repeat(100_000));
    clipboard.restart();
    await done;
    assert.equal(clipboard.state.get().progress, null);
});

test("what is too large is not sent, and said", async () => {
    const { clipboard, steps } = open({ toSandbox: 2048, toBrowser: 10 });
    await clipboard.giveText("x".repeat(2049));
    assert.deepEqual(steps(), []);
    assert.match(clipboard.state.get().problem ?? "", /2 KiB/);
});

test("pieces are put together, and each is answered", async () => {
    const { clipboard, steps } = open();
    const bytes = new TextEncoder().encode("grüß dich");
    clipboard.receive({ step: "begin", transfer: 3, type: "text", total: bytes.length });
    clipboard.receive({ step: "data", transfer: 3, offset: 0, data: bytes.subarray(0, 3) });
    clipboard.receive({ step: "data", transfer: 3, offset: 3, data: bytes.subarray(3) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(clipboard.state.get().copied, { type: "text", text: "grüß dich" });
    assert.ok(clipboard.state.get().waits); // there is no clipboard to write to here
    assert.deepEqual(steps(), [4, 4]);
});

test("a stream that lies about its clipboard is broken", () => {
    const { clipboard } = open({ toSandbox: 10, toBrowser: 10 });
    const broken = (message: Parameters<DesktopClipboard["receive"]>[0]) => assert.throws(() => clipboard.receive(message), WireError);
    broken({ step: "begin", transfer: 1, type: "text", total: 11 });
    broken({ step: "begin", transfer: 1, type: "text", total: 0 });
    broken({ step: "data", transfer: 1, offset: 0, data: new Uint8Array(1) });
    clipboard.receive({ step: "begin", transfer: 1, type: "text", total: 5 });
    broken({ step: "data", transfer: 1, offset: 1, data: new Uint8Array(1) });
    broken({ step: "data", transfer: 1, offset: 0, data: new Uint8Array(6) });
    broken({ step: "data", transfer: 2, offset: 0, data: new Uint8Array(1) });
    void clipboard.giveText("words");
    clipboard.receive({ step: "taken", transfer: 99, bytes: 1 });
});

test("any order of messages is followed within the policy, or broken off with a WireError", () => {
    const random = randomNumbers(13);
    const LIMIT = 300;
    for (let round = 0; round < 3000; round++) {
        const { clipboard } = open({ toSandbox: LIMIT, toBrowser: LIMIT });
        const message = (): ClipboardMessage => {
            const transfer = random() % 3;
            const bytes = random() % (LIMIT + 2);
            return [
                { step: "begin", transfer, type: random() % 2 ? "text" : "png", total: bytes } as const,
                { step: "data", transfer, offset: random() % 4 ? 0 : bytes, data: new Uint8Array(1 + (random() % 200)) } as const,
                { step: "taken", transfer, bytes } as const,
                { step: "refused", transfer } as const,
            ][random() % 4]!;
        };
        if (round % 2 === 0) void clipboard.giveText("x".repeat(LIMIT));
        try {
            for (let i = 0; i < 20; i++) clipboard.receive(message());
        } catch (error) {
            assert.ok(error instanceof WireError, String(error));
        }
        const { copied } = clipboard.state.get();
        assert.ok(copied?.type !== "text" || copied.text.length <= LIMIT);
    }
});
