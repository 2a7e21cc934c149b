// Started in a container's network: passes what connects to a path socket on to a port there.
//
// usage: relay.mjs PATH PORT
import { connect, createServer } from "node:net";

const [path, port] = process.argv.slice(2);
createServer((near) => {
    const far = connect(Number(port), "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
}).listen(path, () => process.stdout.write("up\n"));
