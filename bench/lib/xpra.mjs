// The peer: xpra from Debian with the web client that its package holds, one desktop as one window. Its WebSocket lives in a worker, so
// the page's probe sees draw calls alone.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { freePort } from "../../tests/harness/server.mjs";
import { lineOf, Peer } from "./peer.mjs";

// What has nothing to do with the picture, and would start more processes.
const OFF = ["mdns", "pulseaudio", "notifications", "bell", "webcam", "printing", "file-transfer", "open-files", "dbus-proxy", "dbus-control",
    "systemd-run", "start-new-commands", "resize-display", "daemon"];

export class Xpra extends Peer {
    probe = { socketElsewhere: true };

    static async start({ width, height }) {
        const peer = new Xpra("xpra (HTML5)");
        peer.port = await freePort();
        peer.path = () => "/index.html?sound=false&floating_menu=false&clipboard=false&submit=true";
        await peer.startDesktop("Xvfb", ["-screen", "0", `${width}x${height}x24`, "-nolisten", "tcp", "+extension", "Composite"]);
        writeFileSync(join(peer.home, "xpra.conf"), "start = /bin/true\n"); // Debian's own start opens a window with a complaint
        const environment = { ...peer.environment, XDG_RUNTIME_DIR: peer.home, XPRA_USER_CONF_DIRS: peer.home };
        const streamer = peer.spawn(
            "xpra",
            ["start-desktop", `:${peer.display}`, "--use-display=yes", `--bind-tcp=127.0.0.1:${peer.port}`, "--html=on", "--dbus-launch=no",
                `--socket-dir=${peer.home}`, ...OFF.map((name) => `--${name}=no`)],
            { env: environment, stdio: ["ignore", "ignore", "pipe"] },
        );
        peer.roots.streamer = streamer.pid;
        await lineOf(streamer.stderr, /xpra is ready/);
        peer.startPrograms();
        return peer;
    }
}
