import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRetryAfter, problemOf } from "../src/api/problem";
import { reasonText } from "../src/app/reasons";
import { ago, clock, duration, shortDuration } from "../src/app/time";
import { tunnelOf } from "../src/app/tunnel";
import { heedWarning, NO_WARNINGS, nextWarning } from "../src/desktop/warnings";
import { closeAction, reconnectPause } from "../src/stream/close-codes";
import { parseNotice } from "../src/stream/notice";
import { chromaAligned } from "../src/stream/picture";
import { StreamStatistics } from "../src/stream/statistics";
import type { FrameHeader } from "../src/stream/wire";

test("Retry-After is seconds or a date, within bounds", () => {
    const now = Date.parse("2030-01-01T00:00:00Z");
    assert.equal(parseRetryAfter("7", now), 7);
    assert.equal(parseRetryAfter("Tue, 01 Jan 2030 00:00:05 GMT", now), 5);
    assert.equal(parseRetryAfter("0", now), 1);
    assert.equal(parseRetryAfter("999999999", now), 300);
    for (const value of [null, "", "soon", "-3x"]) {
        assert.equal(parseRetryAfter(value, now), null);
    }
});

test("a problem document's sentence is kept, and anything else becomes its status", async () => {
    const document = { type: "urn:x", title: "Busy", status: 503, detail: "Wait.", request_id: "r1" };
    const problem = await problemOf(new Response(JSON.stringify(document), {
        status: 503,
        headers: { "Retry-After": "2" },
    }));
    assert.deepEqual([problem.status, problem.title, problem.detail, problem.retryAfter], [503, "Busy", "Wait.", 2]);
    const page = await problemOf(new Response("<html>", { status: 502 }));
    assert.equal(page.title, "The server answered 502");
    const wrong = await problemOf(new Response('{"title":5,"detail":[]}', { status: 400 }));
    assert.equal(wrong.detail, "");
});

test("notices are read, and what is none is ignored", () => {
    const endsAt = "2030-01-01T00:00:00Z";
    assert.deepEqual(parseNotice(`{"type":"warning","reason":"idle","ends_at":"${endsAt}"}`), {
        type: "warning",
        reason: "idle",
        endsAt: Date.parse(endsAt),
    });
    assert.deepEqual(parseNotice('{"type":"ended","reason":"memory","detail":"Too much."}'), {
        type: "ended",
        reason: "memory",
        detail: "Too much.",
    });
    for (const text of ["", "null", "[]", "{", '{"type":"warning","reason":"x"}', '{"type":"warning","reason":"idle"}',
        '{"type":"unknown"}', `{"type":"ended","detail":"${"x".repeat(9000)}"}`]) {
        assert.equal(parseNotice(text), null);
    }
});

test("close codes lead where the protocol says", () => {
    assert.equal(closeAction(4000).action, "ended");
    assert.equal(closeAction(4001).action, "show");
    assert.deepEqual(closeAction(4002), { action: "reconnect", minimumPause: 1000 });
    assert.equal(closeAction(4003).action, "sign-in");
    assert.equal(closeAction(4005).action, "show");
    for (const code of [1001, 1006, 1011, 1012]) {
        assert.deepEqual(closeAction(code), { action: "reconnect", minimumPause: 0 });
    }
});

test("the first reconnect comes at once, later ones after growing pauses", () => {
    const pauses = Array.from({ length: 12 }, (_, attempt) => reconnectPause(attempt));
    assert.deepEqual(pauses.slice(0, 4), [0, 250, 500, 1000]);
    assert.deepEqual([...pauses].sort((a, b) => a - b), pauses);
    assert.equal(pauses.at(-1), 5000);
});

test("times read well", () => {
    assert.deepEqual([0, 1, 59, 60, 3600, 7200, 86_400].map(duration),
        ["0 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "2 hours", "1 day"]);
    assert.deepEqual([-5, 45, 3599, 3600, 28_740, 90_000].map(shortDuration),
        ["0 s", "45 s", "59 min", "1 h", "7 h 59 min", "1 d 1 h"]);
    assert.deepEqual([-1, 0.2, 65].map(clock), ["0:00", "0:01", "1:05"]);
});

test("every stop reason has words, and an unknown one, too", () => {
    assert.equal(reasonText("memory").title, "Ran out of memory");
    assert.equal(reasonText("host_memory").title, "The server ran out of memory");
    assert.equal(reasonText("toString").title, "Ended");
});

test("the tunnel's command fits the page's address", () => {
    assert.deepEqual(tunnelOf("box.example", "8080"),
        { command: "ssh -L 8080:localhost:8080 box.example", address: "http://localhost:8080/" });
    assert.equal(tunnelOf("10.0.0.5", "").command, "ssh -L 8080:localhost:80 10.0.0.5");
    assert.equal(tunnelOf("[fd00::1]", "9000").command, "ssh -L 9000:localhost:9000 fd00::1");
});

test("video rectangles grow to whole chroma samples and stay inside the frame", () => {
    const frame = { width: 640, height: 480 };
    assert.deepEqual(chromaAligned({ x: 3, y: 5, width: 4, height: 4 }, frame), { x: 2, y: 4, width: 6, height: 6 });
    assert.deepEqual(chromaAligned({ x: 638, y: 478, width: 2, height: 2 }, frame),
        { x: 638, y: 478, width: 2, height: 2 });
});

function header(sequence: number, input: number, captured: number): FrameHeader {
    return { more: false, sequence, input, captured: BigInt(captured), waited: 1000, converted: 2000, encoded: 3000 };
}

test("percentiles come from the last samples alone", () => {
    const statistics = new StreamStatistics();
    assert.equal(statistics.decodeMilliseconds(0.5), 0);
    for (let i = 0; i < 256; i++) {
        statistics.painted(i, { arrived: 0, ready: 0, painted: 1000 });
    }
    for (let i = 0; i < 256; i++) {
        statistics.painted(i, { arrived: 0, ready: i, painted: i });
    }
    assert.equal(statistics.decodeMilliseconds(0.5), 128);
    assert.equal(statistics.decodeMilliseconds(0.95), 243);
    assert.equal(statistics.framesPainted, 512);
});

test("a frame's stages, whatever the streamer's clock says", () => {
    const statistics = new StreamStatistics();
    const frame = { kind: "video", bytes: 300, key: true } as const;
    statistics.restart("avc1.42C028", "WebCodecs");
    statistics.inputSent(5, 100);
    statistics.inputSent(6, 110);
    statistics.arrived(header(1, 5, 9_000_000), frame, 150);
    statistics.painted(1, { arrived: 150, ready: 158, painted: 160 });
    assert.deepEqual(
        (["input", "waited", "converted", "encoded", "queued", "decoded", "painted"] as const)
            .map((stage) => statistics.stageMilliseconds(stage, 0.5)),
        [60, 1, 2, 3, 0, 8, 2],
    );
    statistics.arrived(header(2, 6, 9_100_000), { kind: "lossless", bytes: 100, key: false }, 300);
    assert.equal(statistics.stageMilliseconds("queued", 0.95), 50);
    statistics.painted(2, { arrived: 300, ready: 300, painted: 5000 }); // shown long after: no answer
    assert.equal(statistics.stageMilliseconds("input", 0.95), 60);
    assert.equal(statistics.losslessShare, 0.25);
    assert.deepEqual(statistics.lastFrame, { kind: "lossless", bytes: 100, key: false });
});

test("of two warnings the nearer one shows, and input takes away the idle one alone", () => {
    let warnings = heedWarning(NO_WARNINGS, { type: "warning", reason: "limit", endsAt: 9000 }, 1000);
    assert.deepEqual(nextWarning(warnings), { reason: "limit", endsAt: 8000 });
    warnings = heedWarning(warnings, { type: "warning", reason: "idle", endsAt: 7000 }, 1000);
    assert.deepEqual(nextWarning(warnings), { reason: "idle", endsAt: 6000 });
    warnings = heedWarning(warnings, { type: "warning_cleared", reason: "idle", idleExpiresAt: 20_000 }, 1000);
    assert.deepEqual(nextWarning(warnings), { reason: "limit", endsAt: 8000 });
    warnings = heedWarning(warnings, { type: "session", state: "running", expiresAt: 1, idleExpiresAt: 1 }, 1000);
    assert.equal(nextWarning(warnings), null);
});

test("what has just ended was not ended zero seconds ago", () => {
    assert.deepEqual([ago(0.4), ago(-2), ago(61)], ["just now", "just now", "1 minute ago"]);
});
