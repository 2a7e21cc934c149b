import type { Access } from "../stream/notice";

export type { Access };

/** Links for people without an account (docs/openapi.yaml). */
export interface Share {
    id: string;
    access: Access;
    label: string;
    created_at: string;
    expires_at: string;
}

export interface NewShare extends Share {
    /** "/share#…": the only time that the token is told. */
    path: string;
}

export interface ShareWish {
    access: Access;
    label: string;
    expires_in: number;
}
