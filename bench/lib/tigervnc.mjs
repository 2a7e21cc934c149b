// The peer: TigerVNC's X server, websockify and noVNC from Debian.
import { freePort } from "../../tests/harness/server.mjs";
import { now, Peer } from "./peer.mjs";

export class Tigervnc extends Peer {
    // Starts everything but the page.
    static async start({ width, height }) {
        const peer = new Tigervnc("TigerVNC + websockify + noVNC");
        const vncPort = await freePort();
        peer.port = await freePort();
        const proxyReady = peer.startWebsockify(vncPort);
        await peer.startDesktop("Xvnc", ["-geometry", `${width}x${height}`, "-depth", "24", "-SecurityTypes", "None", "-localhost",
            "-rfbport", String(vncPort), "-AlwaysShared"]);
        peer.startPrograms();
        await proxyReady;
        peer.marks.proxy = now() - peer.startedAt;
        return peer;
    }
}
