// Ways into a container: a port of this machine that leads to one of it, and HAProxy set up there as the manual says.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { HOST } from "../harness/haproxy.mjs";

const RELAY = join(dirname(fileURLToPath(import.meta.url)), "relay.mjs");

// {port, close}. directory: for a socket.
export async function openRelay(container, inside, directory) {
    const path = join(directory, `relay-${inside}`);
    const relay = spawn(container.inNetwork[0], [...container.inNetwork.slice(1), process.execPath, RELAY, path, String(inside)], { stdio: ["ignore", "pipe", "inherit"] });
    await once(relay.stdout, "data");
    const listener = createServer((near) => {
        const far = connect(path);
        near.pipe(far).pipe(near);
        near.on("error", () => far.destroy()).on("close", () => far.destroy());
        far.on("error", () => near.destroy()).on("close", () => near.destroy());
    }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    const close = () => {
        listener.close();
        relay.kill();
    };
    return { port: listener.address().port, close };
}

// In an installation by package whose node listens at `port`: a certificate for HOST, HAProxy before the node at 443. Gives the certificate.
export async function setUpEdge(container, port) {
    await container.check(`mkdir -p /etc/haproxy/certificates; cd /etc/haproxy/certificates
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${HOST} -addext subjectAltName=DNS:${HOST} -keyout key -out certificate
        cat certificate key >site.pem; chmod 600 site.pem; rm key
        sandboxctl haproxy-config --host ${HOST} --node local=127.0.0.1:${port} --certificate /etc/haproxy/certificates/site.pem >/etc/haproxy/haproxy.cfg
        haproxy -c -q -f /etc/haproxy/haproxy.cfg
        echo TRUSTED_PROXIES=127.0.0.1 >>/etc/sandbox-server/config.env
        systemctl restart haproxy sandbox-server`);
    return container.check("cat /etc/haproxy/certificates/certificate");
}
