// From keydown in the page to the return of the draw call that shows its character in a terminal, 1920x1080: while nothing else happens, and
// beside a film of 960x540. All sides in turns. The browser's compositor comes on top, for all alike.
import { launchBrowser } from "../tests/harness/browser.mjs";
import { playFilm, prepareFilm } from "./lib/film.mjs";
import { openAll } from "./lib/pair.mjs";
import { option, ratios, report } from "./lib/report.mjs";
import { randomBetween, summary } from "./lib/statistics.mjs";

const rounds = option("rounds", 3);
const n = option("n", 60); // keys of a scene and side
const WARM_UP = 3; // keys of a round that are not counted: the page has just come to the front
const GAP_MS = [300, 450];
const LINE = 60; // keys, before the line is emptied

async function typeKeys(page, count) {
    for (let i = 0; i < count; i++) {
        if (i % LINE === LINE - 1) await page.keyboard.press("Control+u");
        else await page.keyboard.press("abcdefghij"[i % 10]);
        await page.waitForTimeout(randomBetween(...GAP_MS));
    }
}

// With the film running, a key is answered where its line changes, and not by the first picture.
async function round(side, film) {
    await side.page.bringToFront();
    await side.page.evaluate((region) => (window.probe.region = region), film ? side.line : null);
    const stop = film ? playFilm(side) : () => {};
    await side.page.waitForTimeout(film ? 1500 : 300);
    await typeKeys(side.page, WARM_UP);
    await side.page.evaluate(() => (window.probe.samples = []));
    await typeKeys(side.page, Math.ceil(n / rounds));
    const samples = await side.page.evaluate(() => window.probe.samples);
    stop();
    await side.page.keyboard.press("Control+u");
    await side.page.waitForTimeout(1000);
    return samples;
}

const browser = await launchBrowser();
const { sides, stop } = await openAll(browser);
const quiet = sides.map(() => []);
const filmed = sides.map(() => []);
try {
    for (const side of sides) {
        await side.page.bringToFront();
        side.line = await prepareFilm(side);
    }
    for (let i = 0; i < rounds; i++) {
        for (const [j, side] of sides.entries()) quiet[j].push(...(await round(side, false)));
        for (const [j, side] of sides.entries()) filmed[j].push(...(await round(side, true)));
    }
} finally {
    await stop();
    await browser.close();
}

const row = (name, values) => ({ "ms from keydown": name, ...summary(values) });
const drawn = (list) => list.map((sample) => sample.drawn);
const micro = (field) => quiet[0].map((sample) => sample[field] / 1000);
const stages = sides.slice(0, 2).flatMap(({ name }, j) => [
    row(`${name}, quiet: until the key is sent`, quiet[j].map(({ sent }) => sent)),
    row(`${name}, quiet: sent until its picture arrives`, quiet[j].map(({ sent, arrived }) => arrived - sent)),
    row(`${name}, quiet: arrived until drawn`, quiet[j].map((sample) => sample.drawn - sample.arrived)),
]);
const notes = [["quiet", quiet], ["film", filmed]].flatMap(([scene, lists]) =>
    ["p50", "p95"].map((field) => {
        const [ours, ...peers] = sides.map(({ name }, j) => ({ name, ...summary(drawn(lists[j])) }));
        return ratios(`${scene}, ${field}`, ours, peers, (one) => one[field]);
    }),
);
report(
    "key_to_pixel",
    [
        ...sides.map(({ name }, j) => row(`${name}, quiet`, drawn(quiet[j]))),
        ...sides.map(({ name }, j) => row(`${name}, film beside it`, drawn(filmed[j]))),
        ...stages,
        row("ours, quiet: damage until capture", micro("waited")),
        row("ours, quiet: conversion", micro("converted")),
        row("ours, quiet: encoding", micro("encoded")),
    ],
    [
        ...notes,
        `frames of ours: ${[2, 3, 4].map((kind) => `${quiet[0].filter((sample) => sample.kind === kind).length} ${["video", "lossless", "copy"][kind - 2]}`).join(", ")}`,
        `${rounds} rounds per side, ${GAP_MS.join("-")} ms between two keys; beside the film the probe reads the terminal's line back at each picture`,
    ],
);
