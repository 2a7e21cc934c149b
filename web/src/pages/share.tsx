import { useEffect, useMemo, useState } from "preact/hooks";
import { sharedDesktop } from "../desktop/source";
import { Centred } from "./centred";
import { DesktopPage } from "./desktop";

function tokenOf(hash: string): string {
    return /^#([\w-]{43})$/.exec(hash)?.[1] ?? "";
}

/** Where a link leads: a desktop for people without an account. The token stands in the fragment, which browsers tell nobody. */
export function SharePage() {
    const [token, setToken] = useState(tokenOf(location.hash));
    const source = useMemo(() => sharedDesktop(token), [token]);

    useEffect(() => {
        const changed = () => setToken(tokenOf(location.hash));
        addEventListener("hashchange", changed);
        return () => removeEventListener("hashchange", changed);
    }, []);

    if (token === "") {
        return (
            <Centred>
                <h1>This link is not whole</h1>
                <p>Copy all of it, with what stands behind the #, and open it again.</p>
            </Centred>
        );
    }
    return <DesktopPage key={token} source={source} id={null} />;
}
