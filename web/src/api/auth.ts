import { Store } from "../app/store";
import { requestJson } from "./http";
import { ProblemError, SignedOutError } from "./problem";
import type { AccessToken, User } from "./types";

export type AuthState =
    | { status: "unknown" }
    | { status: "signed-out" }
    | { status: "signed-in"; user: User };

/** A request that leaves with less than this may arrive too late; short tokens are used for half their life. */
const MARGIN_MS = 30_000;
/** setTimeout counts in 31 bits. */
const MAX_TIMER_MS = 2_000_000_000;

/**
 * The sign-in. The access token lives in this object and nowhere else; the refresh token is a cookie that
 * scripts can't read. Each refresh rotates that cookie, so refreshes run one at a time: within this page by
 * one shared promise, between tabs by a lock of the origin.
 */
export class Auth {
    readonly state = new Store<AuthState>({ status: "unknown" });
    private token = "";
    /** When the token is to be replaced, ms of the local clock. */
    private renewal = 0;
    private refreshing: Promise<void> | null = null;
    private timer: ReturnType<typeof setTimeout> | undefined;

    async signIn(username: string, password: string): Promise<void> {
        this.accept(await requestJson<AccessToken>({
            method: "POST",
            path: "/api/auth/login",
            body: { username, password },
            timeout: 30_000,
        }));
    }

    async signOut(): Promise<void> {
        try {
            await this.exclusively(() => requestJson<void>({ method: "POST", path: "/api/auth/logout" }));
        } finally {
            this.forget();
        }
    }

    /** A token that is good for a request made now. */
    async accessToken(): Promise<string> {
        if (this.token === "" || Date.now() >= this.renewal) {
            await this.refresh();
        }
        return this.token;
    }

    /** Replaces the access token. Throws SignedOutError when the sign-in is over. */
    refresh(): Promise<void> {
        this.refreshing ??= this.exclusively(() => this.rotate()).finally(() => {
            this.refreshing = null;
        });
        return this.refreshing;
    }

    private async rotate(): Promise<void> {
        try {
            this.accept(await requestJson<AccessToken>({ method: "POST", path: "/api/auth/refresh" }));
        } catch (error) {
            if (error instanceof ProblemError && (error.status === 401 || error.status === 403)) {
                this.forget();
                throw new SignedOutError();
            }
            throw error;
        }
    }

    /** Web locks are missing outside secure contexts, where the refresh cookie is as well. */
    private async exclusively<T>(action: () => Promise<T>): Promise<T> {
        if (navigator.locks === undefined) {
            return action();
        }
        return await (navigator.locks.request("refresh-token", action) as Promise<T>);
    }

    private accept(answer: AccessToken): void {
        this.token = answer.access_token;
        const life = answer.expires_in * 1000;
        const use = Math.max(life - MARGIN_MS, life / 2);
        this.renewal = Date.now() + use;
        this.state.set({ status: "signed-in", user: answer.user });
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            // A failure here is no news: the next request refreshes again and reports it.
            this.refresh().catch(() => undefined);
        }, Math.min(Math.max(use, 1000), MAX_TIMER_MS));
    }

    /** The server says that the sign-in is over. */
    forget(): void {
        clearTimeout(this.timer);
        this.token = "";
        this.renewal = 0;
        this.state.set({ status: "signed-out" });
    }
}
