import { useEffect, useRef, useState } from "preact/hooks";
import { describe } from "../api/problem";
import type { Recording } from "../api/recordings";
import { useApp } from "../app/context";
import { useTitle } from "../app/hooks";
import { Store, useStore } from "../app/store";
import { clock, secondsSince, shortDuration } from "../app/time";
import { Button, PageLink } from "../components/button";
import { Dialog } from "../components/dialog";
import { Message } from "../components/message";
import { fetchFilm, type FilmStep, saveAs } from "../recordings/film";
import { parseIndex } from "../recordings/format";
import { CursorView } from "../desktop/cursor-view";
import { type PlayerState, type PlayerView, RecordingPlayer } from "../recordings/player";
import type { Size } from "../stream/wire";
import "./recordings.css";

const PAGE = 50;
const LOOK_MS = 2000;
const BEFORE = new Store<PlayerState>({ position: 0, playing: false, seeking: true, failure: null });

function dateOf(time: string): string {
    return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** For a file: 2026-11-21 07.45. */
function fileName(time: string): string {
    const date = new Date(time);
    const two = (value: number) => String(value).padStart(2, "0");
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
    return `Desktop ${day} ${two(date.getHours())}.${two(date.getMinutes())}.mp4`;
}

function stepText(step: FilmStep): string {
    switch (step.step) {
        case "waiting":
            return "Waiting for other films";
        case "preparing":
            return `Making the film, ${Math.floor(step.done * 100)} %`;
        case "downloading":
            return `Downloading, ${Math.floor(step.done * 100)} %`;
    }
}

interface RowProps {
    recording: Recording;
    onDelete: () => void;
    onFailure: (failure: string) => void;
}

function RecordingRow({ recording, onDelete, onFailure }: RowProps) {
    const { client } = useApp();
    const [step, setStep] = useState<FilmStep | null>(null);
    const life = useRef(new AbortController());
    useEffect(() => () => life.current.abort(), []);

    const download = async () => {
        const { signal } = life.current;
        setStep({ step: "waiting" });
        try {
            saveAs(await fetchFilm(client, recording.id, signal, setStep), fileName(recording.started_at));
        } catch (failure) {
            if (!signal.aborted) {
                onFailure(describe(failure));
            }
        }
        if (!signal.aborted) {
            setStep(null);
        }
    };

    return (
        <li>
            <span class="recordings-name">
                <strong>{dateOf(recording.started_at)}</strong>
                <small>
                    {shortDuration(secondsSince(recording.started_at, Date.parse(recording.changed_at)))},{" "}
                    {(recording.bytes / 1_048_576).toFixed(1)} MiB
                    {recording.recording && ", being recorded"}
                </small>
                {step !== null && (
                    <span class="recordings-film" role="status">
                        {step.step !== "waiting" && <progress max={1} value={step.done} aria-label="Film" />}
                        <small>{stepText(step)}</small>
                    </span>
                )}
            </span>
            <PageLink to={`/recordings/${recording.id}`} look="plain" icon="play">Play</PageLink>
            {!recording.recording && (
                <>
                    <Button icon="download" busy={step !== null} onClick={() => void download()}>Download MP4</Button>
                    <Button look="quiet-danger" onClick={onDelete}>Delete</Button>
                </>
            )}
        </li>
    );
}

export function RecordingsPage() {
    const { client } = useApp();
    const [items, setItems] = useState<readonly Recording[] | null>(null);
    const [cursor, setCursor] = useState<string | null>(null);
    const [error, setError] = useState<string | null>(null);
    const [deleting, setDeleting] = useState<Recording | null>(null);
    const life = useRef(new AbortController());
    useTitle("Recordings");

    const load = async (from: string | null) => {
        const { signal } = life.current;
        try {
            const page = await client.recordings(PAGE, from, signal);
            setItems((known) => [...(from === null ? [] : known ?? []), ...page.items]);
            setCursor(page.next_cursor);
            setError(null);
        } catch (failure) {
            if (!signal.aborted) {
                setError(describe(failure));
            }
        }
    };
    useEffect(() => {
        void load(null);
        return () => life.current.abort();
    }, [client]);

    // What is being recorded changes until it has ended.
    const growing = items?.some(({ recording }) => recording) ?? false;
    useEffect(() => {
        if (!growing) {
            return;
        }
        const { signal } = life.current;
        const look = async () => {
            const { items: newest } = await client.recordings(PAGE, null, signal);
            const now = new Map(newest.map((recording) => [recording.id, recording]));
            setItems((known) => known?.map((recording) => now.get(recording.id) ?? recording) ?? null);
        };
        const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
        return () => clearInterval(timer);
    }, [client, growing]);

    const remove = async ({ id }: Recording) => {
        setDeleting(null);
        try {
            await client.deleteRecording(id);
            setItems((known) => known?.filter((other) => other.id !== id) ?? null);
        } catch (failure) {
            setError(describe(failure));
        }
    };

    return (
        <main class="recordings">
            <PageLink to="/" look="quiet" icon="home">Your desktops</PageLink>
            <h1>Recordings</h1>
            {error !== null && <Message tone="danger" alert>{error}</Message>}
            {items?.length === 0 && <p class="recordings-none">There are none. They are made while a desktop is watched.</p>}
            <ul class="recordings-list">
                {items?.map((recording) => (
                    <RecordingRow
                        key={recording.id}
                        recording={recording}
                        onDelete={() => setDeleting(recording)}
                        onFailure={setError}
                    />
                ))}
            </ul>
            {cursor !== null && <Button look="quiet" icon="chevron" onClick={() => void load(cursor)}>Show more</Button>}
            {deleting !== null && (
                <Dialog title="Delete this recording?" onClose={() => setDeleting(null)}>
                    <p>{dateOf(deleting.started_at)}. It can't be brought back.</p>
                    <div class="dialog-actions">
                        <Button onClick={() => setDeleting(null)}>Cancel</Button>
                        <Button look="danger" onClick={() => void remove(deleting)}>Delete</Button>
                    </div>
                </Dialog>
            )}
        </main>
    );
}

export function RecordingPage({ id }: { id: string }) {
    const { client } = useApp();
    const canvas = useRef<HTMLCanvasElement>(null);
    const stage = useRef<HTMLDivElement>(null);
    const [player, setPlayer] = useState<RecordingPlayer | null>(null);
    const [error, setError] = useState<string | null>(null);
    const state = useStore(player?.state ?? BEFORE);
    useTitle("Recording");

    useEffect(() => {
        const life = new AbortController();
        let made: RecordingPlayer | null = null;
        const load = async () => {
            const index = parseIndex(await client.recordingBytes(`/api/recordings/${id}/index`, null, life.signal));
            if (canvas.current !== null && !life.signal.aborted) {
                let size: Size | null = null;
                const cursor = new CursorView(canvas.current, stage.current!, () => size);
                const resized = new ResizeObserver(() => cursor.show());
                resized.observe(canvas.current);
                life.signal.addEventListener("abort", () => {
                    resized.disconnect();
                    cursor.close();
                });
                const view: PlayerView = {
                    resized: (told) => {
                        size = told;
                    },
                    cursor: (shape) => cursor.set(shape),
                    pointer: (point) => cursor.moveTo(point, true),
                };
                made = new RecordingPlayer(canvas.current, view, index, (from, length) =>
                    client.recordingBytes(`/api/recordings/${id}/data`, `bytes=${from}-${from + length - 1}`, life.signal));
                setPlayer(made);
                made.seek(0);
            }
        };
        load().catch((failure: unknown) => {
            if (!life.signal.aborted) {
                setError(describe(failure));
            }
        });
        return () => {
            life.abort();
            made?.close();
        };
    }, [client, id]);

    const failure = error ?? state.failure;
    const duration = player?.duration ?? 0;

    return (
        <main class="player" data-theme="dark">
            <div ref={stage} class="player-stage">
                <canvas ref={canvas} class="player-canvas" role="img" aria-label="Recorded desktop" width={16} height={9} />
            </div>
            {failure !== null && <Message tone="danger" title="This can't be played" alert>{failure}</Message>}
            <div class="player-bar" role="toolbar" aria-label="Player">
                <PageLink to="/recordings" look="quiet" icon="home" label="Back to the recordings" />
                <Button
                    look="primary"
                    icon={state.playing ? "stop" : "play"}
                    disabled={player === null || failure !== null}
                    onClick={() => (state.playing ? player?.pause() : player?.play())}
                >
                    {state.playing ? "Pause" : "Play"}
                </Button>
                <input
                    type="range"
                    class="player-seek"
                    aria-label="Position"
                    min={0}
                    max={Math.max(Math.round(duration), 1)}
                    value={Math.round(state.position)}
                    disabled={player === null || failure !== null}
                    onInput={(event) => player?.seek(Number(event.currentTarget.value))}
                />
                <span class="player-time">{clock(Math.floor(state.position / 1000))} / {clock(Math.floor(duration / 1000))}</span>
            </div>
        </main>
    );
}
