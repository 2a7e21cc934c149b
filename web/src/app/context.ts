import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Client } from "../api/client";
import type { Router } from "./router";

export interface App {
    client: Client;
    router: Router;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
    const app = useContext(AppContext);
    if (app === null) {
        throw new Error("no application around this component");
    }
    return app;
}
