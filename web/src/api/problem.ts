/** What a request can fail with: an answer of the server, or none. */

const MAX_RETRY_AFTER_SECONDS = 300;

/** The server answered with a problem document (RFC 9457), or with something that is none. */
export class ProblemError extends Error {
    override name = "ProblemError";

    constructor(
        readonly status: number,
        readonly title: string,
        readonly detail: string,
        readonly requestId: string,
        /** Seconds of the Retry-After header, null without one. */
        readonly retryAfter: number | null,
    ) {
        super(detail || title);
    }
}

/** No answer: the network, the server or the wait ended first. */
export class UnreachableError extends Error {
    override name = "UnreachableError";

    constructor() {
        super("The server can't be reached.");
    }
}

/** The sign-in is over; the application shows the sign-in page. */
export class SignedOutError extends Error {
    override name = "SignedOutError";

    constructor() {
        super("You are signed out.");
    }
}

/** Retry-After (RFC 9110, 10.2.3) as seconds within bounds, null when absent or unreadable. */
export function parseRetryAfter(value: string | null, now: number): number | null {
    if (value === null) {
        return null;
    }
    const text = value.trim();
    const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
    if (!Number.isFinite(seconds)) {
        return null;
    }
    return Math.min(Math.max(Math.ceil(seconds), 1), MAX_RETRY_AFTER_SECONDS);
}

function stringOf(value: unknown): string {
    return typeof value === "string" ? value : "";
}

export async function problemOf(response: Response): Promise<ProblemError> {
    let title = "";
    let detail = "";
    let requestId = "";
    try {
        const body: unknown = await response.json();
        if (typeof body === "object" && body !== null) {
            const fields = body as Record<string, unknown>;
            title = stringOf(fields["title"]);
            detail = stringOf(fields["detail"]);
            requestId = stringOf(fields["request_id"]);
        }
    } catch {
        // A proxy in between answers with HTML: the status alone has to do.
    }
    return new ProblemError(
        response.status,
        title || `The server answered ${response.status}`,
        detail,
        requestId,
        parseRetryAfter(response.headers.get("Retry-After"), Date.now()),
    );
}

/** A sentence for people, whatever was thrown. */
export function describe(error: unknown): string {
    if (error instanceof ProblemError) {
        return error.detail || error.title;
    }
    return error instanceof Error ? error.message : "Something went wrong.";
}
