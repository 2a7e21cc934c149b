/** The least port that a plain user may listen on, and the one of the project's examples. */
const FIRST_USER_PORT = 1024;
const USUAL_PORT = 8080;

export interface Tunnel {
    command: string;
    address: string;
}

/** The ssh command that makes a page served over plain http a local one, which browsers trust. */
export function tunnelOf(hostname: string, port: string): Tunnel {
    const remote = port === "" ? 80 : Number(port);
    const local = remote < FIRST_USER_PORT ? USUAL_PORT : remote;
    const host = hostname.replace(/^\[|\]$/g, "");
    return { command: `ssh -L ${local}:localhost:${remote} ${host}`, address: `http://localhost:${local}/` };
}
