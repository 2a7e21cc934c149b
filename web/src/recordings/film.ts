import type { Client } from "../api/client";
import { delay } from "../api/http";
import type { Film } from "../api/recordings";

export type FilmStep = { step: "waiting" } | { step: "preparing" | "downloading"; done: number };

const ASK_MS = 500;
const PIECE = 1024 * 1024;

type Source = Pick<Client, "makeFilm" | "film" | "recordingBytes">;

async function made(client: Source, id: string, signal: AbortSignal, tell: (step: FilmStep) => void): Promise<Film> {
    let film = await client.makeFilm(id);
    while (film.state !== "ready") {
        if (film.state === "failed") {
            throw new Error(film.problem ?? "The film could not be made.");
        }
        if (film.state === "none") {
            film = await client.makeFilm(id); // the server was restarted
            continue;
        }
        tell(film.state === "waiting" ? { step: "waiting" } : { step: "preparing", done: film.progress });
        await delay(ASK_MS, signal);
        film = await client.film(id, signal);
    }
    return film;
}

/** Has the server make an MP4 file of a recording, and fetches it piece by piece: the browser keeps large Blobs on the disk. */
export async function fetchFilm(client: Source, id: string, signal: AbortSignal, tell: (step: FilmStep) => void): Promise<Blob> {
    const { bytes } = await made(client, id, signal, tell);
    const pieces: Blob[] = [];
    for (let at = 0; at < bytes;) {
        tell({ step: "downloading", done: at / bytes });
        const piece = await client.recordingBytes(`/api/recordings/${id}/mp4/data`, `bytes=${at}-${at + PIECE - 1}`, signal);
        if (piece.byteLength === 0) {
            throw new Error("The film ended early.");
        }
        pieces.push(new Blob([piece]));
        at += piece.byteLength;
    }
    return new Blob(pieces, { type: "video/mp4" });
}

/** Gives it to the person as a file. */
export function saveAs(blob: Blob, name: string): void {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    // The browser has taken it by the next turn.
    setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
