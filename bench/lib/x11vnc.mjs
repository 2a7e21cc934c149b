// The desktop that agents usually get: Xvfb, x11vnc that looks every 50 ms, websockify and noVNC from Debian.
import { freePort } from "../../tests/harness/server.mjs";
import { lineOf, Peer } from "./peer.mjs";

export class X11vnc extends Peer {
    static async start({ width, height }) {
        const peer = new X11vnc("x11vnc + websockify + noVNC");
        const vncPort = await freePort();
        peer.port = await freePort();
        const proxyReady = peer.startWebsockify(vncPort);
        await peer.startDesktop("Xvfb", ["-screen", "0", `${width}x${height}x24`, "-nolisten", "tcp"]);
        peer.startPrograms();
        const streamer = peer.spawn(
            "x11vnc",
            ["-display", `:${peer.display}`, "-wait", "50", "-rfbport", String(vncPort), "-localhost", "-nopw", "-forever", "-shared"],
            { env: peer.environment, stdio: ["ignore", "pipe", "ignore"] },
        );
        peer.roots.streamer = streamer.pid;
        await Promise.all([proxyReady, lineOf(streamer.stdout, /^PORT=/m)]);
        return peer;
    }
}
