/** docs/openapi.yaml, Recording. */
export interface Recording {
    id: string;
    sandbox: string;
    account: string;
    started_at: string;
    changed_at: string;
    bytes: number;
    /** It goes on: nothing can be made of it yet. */
    recording: boolean;
}

/** docs/openapi.yaml, Film: the MP4 file of a recording. */
export interface Film {
    state: "none" | "waiting" | "working" | "ready" | "failed";
    /** 0 to 1. */
    progress: number;
    bytes: number;
    problem: string | null;
}
