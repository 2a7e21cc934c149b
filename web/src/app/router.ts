import { Store } from "./store";

export type Route =
    | { page: "home" }
    | { page: "sign-in" }
    | { page: "desktop"; id: string }
    | { page: "share" }
    | { page: "recordings" }
    | { page: "recording"; id: string }
    | { page: "not-found" };

const ONE = /^\/(sandboxes|recordings)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;

export function routeOf(path: string): Route {
    if (path === "/") {
        return { page: "home" };
    }
    if (path === "/sign-in") {
        return { page: "sign-in" };
    }
    if (path === "/share" || path === "/share/") {
        return { page: "share" };
    }
    if (path === "/recordings") {
        return { page: "recordings" };
    }
    const [, kind, id] = ONE.exec(path) ?? [];
    if (kind === undefined || id === undefined) {
        return { page: "not-found" };
    }
    return { page: kind.toLowerCase() === "sandboxes" ? "desktop" : "recording", id: id.toLowerCase() };
}

/** The page on show; history and address bar follow it. */
export class Router {
    readonly route = new Store<Route>(routeOf(location.pathname));
    /** Where the user wanted to go before the sign-in page came up. */
    private wanted = "/";

    constructor() {
        addEventListener("popstate", () => this.route.set(routeOf(location.pathname)));
    }

    go(path: string): void {
        history.pushState(null, "", path);
        this.route.set(routeOf(path));
    }

    replace(path: string): void {
        history.replaceState(null, "", path);
        this.route.set(routeOf(path));
    }

    askForSignIn(): void {
        if (this.route.get().page !== "sign-in") {
            this.wanted = location.pathname;
            this.replace("/sign-in");
        }
    }

    afterSignIn(): void {
        const page = routeOf(this.wanted).page;
        this.replace(page === "sign-in" || page === "not-found" ? "/" : this.wanted);
        this.wanted = "/";
    }
}
