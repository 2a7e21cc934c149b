/** docs/openapi.yaml, Recording. */
export interface Recording {
    id: string;
    sandbox: string;
    account: string;
    started_at: string;
    changed_at: string;
    bytes: number;
}
