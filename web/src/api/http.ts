import { problemOf, UnreachableError } from "./problem";

export interface RequestOptions {
    method: "GET" | "POST" | "PATCH" | "DELETE";
    path: string;
    token?: string;
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    timeout?: number;
    /** The answer is bytes, not JSON. */
    binary?: boolean;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/** Resolves once `milliseconds` have passed, or rejects with the signal's reason. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const aborted = () => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", aborted);
            resolve();
        }, milliseconds);
        signal?.addEventListener("abort", aborted, { once: true });
    });
}

/**
 * One request with JSON both ways. Throws ProblemError for an answer that is no success,
 * UnreachableError without an answer in time, and the signal's reason when aborted.
 */
export async function requestJson<T>(options: RequestOptions): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
    if (options.token !== undefined) {
        headers["Authorization"] = `Bearer ${options.token}`;
    }
    const init: RequestInit = { method: options.method, headers, cache: "no-store", redirect: "error" };
    if (options.body !== undefined) {
        headers["Content-Type"] = "application/json";
        init.body = JSON.stringify(options.body);
    }
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), options.timeout ?? DEFAULT_TIMEOUT_MS);
    const abort = () => deadline.abort();
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
        const response = await fetch(options.path, { ...init, signal: deadline.signal });
        if (!response.ok) {
            throw await problemOf(response);
        }
        if (response.status === 204) {
            return undefined as T;
        }
        return (options.binary === true ? await response.arrayBuffer() : await response.json()) as T;
    } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof Error && error.name === "ProblemError") {
            throw error;
        }
        throw new UnreachableError();
    } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", abort);
    }
}
