import { Store } from "../app/store";
import { Auth } from "./auth";
import { delay, requestJson, type RequestOptions } from "./http";
import { ProblemError, UnreachableError } from "./problem";
import type { Film, Recording } from "./recordings";
import type { Access, NewShare, Share, ShareWish } from "./shares";
import type { Network, Page, Sandbox, Template, Ticket } from "./types";

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const MAX_PAUSE_SECONDS = 10;

/** Seconds to wait before the read may be tried again, null when trying again is no use. */
function retryPause(error: unknown, attempt: number): number | null {
    const growing = Math.min(2 ** attempt, MAX_PAUSE_SECONDS);
    if (error instanceof UnreachableError) {
        return growing;
    }
    if (error instanceof ProblemError && [429, 502, 503, 504].includes(error.status)) {
        return error.retryAfter ?? growing;
    }
    return null;
}

/** The HTTP interface of docs/openapi.yaml, signed in. */
export class Client {
    readonly auth = new Auth();
    /** How many reads wait for the server to come back; the page says so while it is not 0. */
    readonly waiting = new Store(0);

    /** Resumes the sign-in of an earlier visit, waiting for the server as long as it takes. */
    resume(signal: AbortSignal): Promise<void> {
        return this.persist(() => this.auth.refresh(), signal);
    }

    templates(signal: AbortSignal): Promise<{ items: Template[] }> {
        return this.read("/api/templates", signal);
    }

    activeSandboxes(signal: AbortSignal): Promise<Page<Sandbox>> {
        return this.read("/api/sandboxes?state=active&limit=100", signal);
    }

    endedSandboxes(limit: number, cursor: string | null, signal: AbortSignal): Promise<Page<Sandbox>> {
        const next = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        return this.read(`/api/sandboxes?state=ended&limit=${limit}${next}`, signal);
    }

    sandbox(id: string, signal: AbortSignal): Promise<Sandbox> {
        return this.read(`/api/sandboxes/${id}`, signal);
    }

    /** `key` makes a repeated request after a lost answer return the same sandbox. */
    startSandbox(template: string, key: string): Promise<Sandbox> {
        return this.request({
            method: "POST",
            path: "/api/sandboxes",
            body: { template },
            headers: { "Idempotency-Key": key },
            timeout: START_TIMEOUT_MS,
        });
    }

    stopSandbox(id: string): Promise<Sandbox> {
        return this.request({ method: "DELETE", path: `/api/sandboxes/${id}`, timeout: STOP_TIMEOUT_MS });
    }

    setNetwork(id: string, network: Network): Promise<Sandbox> {
        return this.request({ method: "PATCH", path: `/api/sandboxes/${id}`, body: { network } });
    }

    ticket(id: string, signal: AbortSignal): Promise<Ticket> {
        return this.request({
            method: "POST",
            path: `/api/sandboxes/${id}/ticket`,
            body: { access: "control" },
            signal,
        });
    }

    shares(id: string, signal: AbortSignal): Promise<{ items: Share[] }> {
        return this.request({ method: "GET", path: `/api/sandboxes/${id}/shares`, signal });
    }

    createShare(id: string, wish: ShareWish): Promise<NewShare> {
        return this.request({ method: "POST", path: `/api/sandboxes/${id}/shares`, body: wish });
    }

    changeShare(id: string, share: string, access: Access): Promise<Share> {
        return this.request({ method: "PATCH", path: `/api/sandboxes/${id}/shares/${share}`, body: { access } });
    }

    revokeShare(id: string, share: string): Promise<void> {
        return this.request({ method: "DELETE", path: `/api/sandboxes/${id}/shares/${share}` });
    }

    endViewer(id: string, viewer: string): Promise<void> {
        return this.request({ method: "DELETE", path: `/api/sandboxes/${id}/viewers/${viewer}` });
    }

    startRecording(id: string): Promise<void> {
        return this.request({ method: "POST", path: `/api/sandboxes/${id}/recording` });
    }

    stopRecording(id: string): Promise<void> {
        return this.request({ method: "DELETE", path: `/api/sandboxes/${id}/recording` });
    }

    recordings(limit: number, cursor: string | null, signal: AbortSignal): Promise<Page<Recording>> {
        const next = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        return this.read(`/api/recordings?limit=${limit}${next}`, signal);
    }

    /** Begins to make it, unless it is there. */
    makeFilm(id: string): Promise<Film> {
        return this.request({ method: "POST", path: `/api/recordings/${id}/mp4` });
    }

    film(id: string, signal: AbortSignal): Promise<Film> {
        return this.read(`/api/recordings/${id}/mp4`, signal);
    }

    deleteRecording(id: string): Promise<void> {
        return this.request({ method: "DELETE", path: `/api/recordings/${id}` });
    }

    /** `range` as in the header of that name; null: all of it. */
    recordingBytes(path: string, range: string | null, signal: AbortSignal): Promise<ArrayBuffer> {
        const headers: Record<string, string> = range === null ? {} : { Range: range };
        return this.persist(() => this.request({ method: "GET", path, headers, signal, binary: true }), signal);
    }

    private read<T>(path: string, signal: AbortSignal): Promise<T> {
        return this.persist(() => this.request<T>({ method: "GET", path, signal }), signal);
    }

    private async persist<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
        let counted = false;
        try {
            for (let attempt = 0; ; attempt++) {
                try {
                    return await action();
                } catch (error) {
                    const pause = retryPause(error, attempt);
                    if (pause === null) {
                        throw error;
                    }
                    if (!counted) {
                        counted = true;
                        this.waiting.set(this.waiting.get() + 1);
                    }
                    await delay(pause * 1000, signal);
                }
            }
        } finally {
            if (counted) {
                this.waiting.set(this.waiting.get() - 1);
            }
        }
    }

    private async request<T>(options: RequestOptions): Promise<T> {
        const token = await this.auth.accessToken();
        try {
            return await requestJson<T>({ ...options, token });
        } catch (error) {
            if (!(error instanceof ProblemError) || error.status !== 401) {
                throw error;
            }
        }
        await this.auth.refresh();
        return requestJson<T>({ ...options, token: await this.auth.accessToken() });
    }
}
