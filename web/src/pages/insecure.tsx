import { useTitle } from "../app/hooks";
import { tunnelOf } from "../app/tunnel";
import { Centred } from "./centred";

/** Browsers give WebCodecs and private cookies to https and localhost alone. */
export function InsecurePage() {
    const tunnel = tunnelOf(location.hostname, location.port);
    useTitle("Secure connection needed");
    return (
        <Centred wide>
            <h1>This address is not secure</h1>
            <p>
                Over plain http a password and everything on the desktop would cross the network readable, and browsers switch off
                their fastest video decoding. Use one of these instead.
            </p>
            <h2>With ssh access to the server</h2>
            <p>
                Run this on your own computer, leave it running, and open the address below it. Where your user name differs
                on the server, put it and an @ before the host.
            </p>
            <pre>{tunnel.command}</pre>
            <p>
                <a href={tunnel.address}>{tunnel.address}</a>
            </p>
            <h2>With https</h2>
            <p>
                Ask the operator for the https address, or put a proxy with a certificate, such as HAProxy, in front of the
                server.
            </p>
        </Centred>
    );
}
