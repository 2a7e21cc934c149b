// A person opens the network of a running desktop for one host, and the programs in it get there: by its proxy alone.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, painted, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { openTerminal } from "../harness/desktop.mjs";

// Browsers ask no proxy for loopback addresses.
const address = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal)?.address;

let server;
let browser;
let page;
let outside;
let agents;

before(async () => {
    agents = [];
    outside = createServer((request, response) => {
        agents.push(request.headers["user-agent"]);
        response.end("<p>reached the outside</p>\n");
    }).listen(0, address);
    server = await startServer();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
});

after(async () => {
    await browser?.close();
    await server?.stop();
    outside?.close();
});

test("refused before, reached after", { skip: !address && "this machine has no address but loopback" }, async () => {
    const target = `${address}:${outside.address().port}`;
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    await page.goto(server.url);
    const card = page.getByRole("article");
    await card.getByText("none", { exact: true }).waitFor();
    await card.getByRole("button", { name: "Change network" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Only these hosts").check();
    await dialog.getByLabel("One host in each line").fill("not a host!");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("is not a destination").waitFor();
    await dialog.getByLabel("One host in each line").fill(`${target}\n*.example.org:443`);
    await dialog.getByRole("button", { name: "Save" }).click();
    await card.getByText(`${target} and 1 more`).waitFor();

    await card.getByRole("link", { name: "Open", exact: true }).click();
    const canvas = page.getByLabel("Desktop", { exact: true });
    await canvas.waitFor();
    await painted(page, 1); // what is typed before the stream is there reaches nobody
    await openTerminal(page, server);
    await typeText(page, `(curl -s http://${target}/; curl -s http://${address}:1/; chromium --headless=new --dump-dom http://${target}/ 2>err) >out; mv out done\n`);
    const homes = join(server.stateDir, "homes");
    const file = join(homes, readdirSync(homes)[0], "done");
    await until("the answers", () => existsSync(file), 60000);
    const text = readFileSync(file, "utf8");
    assert.equal(text.split("reached the outside").length - 1, 2, text);
    assert.match(text, /This address is not on the allow list|no rule|allow list/);
    assert.ok(agents.some((agent) => /Chrome/.test(agent)) && agents.some((agent) => /curl/.test(agent)), agents.join("\n"));
});
