import { reasonText } from "../app/reasons";
import { clock, useNow } from "../app/time";
import { Button, PageLink } from "../components/button";
import { Icon } from "../components/icon";
import { Spinner } from "../components/spinner";
import type { SessionState } from "./session";
import { nextWarning, type Warning } from "./warnings";
import "./overlay.css";

interface Props {
    state: SessionState;
    guest: boolean;
    onRetry: () => void;
    onNew: () => void;
    starting: boolean;
    startError: string | null;
}

/** What lies over the picture: why it is missing, old, or gone. */
export function Overlay(props: Props) {
    const { state } = props;
    switch (state.connection) {
        case "ended":
            return <Ended {...props} />;
        case "failed":
            return (
                <div class="overlay overlay-solid">
                    <section class="overlay-card" role="alert">
                        <h1>{state.failure?.title}</h1>
                        <p>{state.failure?.detail}</p>
                        <div class="overlay-actions">
                            <Button look="primary" onClick={props.onRetry}>Try again</Button>
                            {!props.guest && <PageLink to="/" look="plain" icon="home">Your desktops</PageLink>}
                        </div>
                    </section>
                </div>
            );
        case "connecting":
        case "signed-out":
            return (
                <div class="overlay" role="status">
                    <span class="overlay-wait"><Spinner /> Connecting to {props.guest ? "the" : "your"} desktop…</span>
                </div>
            );
        case "waiting":
            return (
                <div class="overlay overlay-dim" role="status">
                    <span class="overlay-wait"><Spinner /> Connection lost. Reconnecting…</span>
                </div>
            );
        case "open":
            return <OpenOverlay state={state} />;
    }
}

function OpenOverlay({ state }: { state: SessionState }) {
    if (!state.painted) {
        return (
            <div class="overlay" role="status">
                <span class="overlay-wait"><Spinner /> Waiting for the first picture…</span>
            </div>
        );
    }
    const warning = nextWarning(state.warnings);
    return (
        <>
            {state.restarting && (
                <div class="overlay overlay-dim" role="status">
                    <span class="overlay-wait"><Spinner /> The stream restarts…</span>
                </div>
            )}
            {warning !== null && <WarningNotice {...warning} />}
        </>
    );
}

function WarningNotice({ reason, endsAt }: Warning) {
    const now = useNow(500);
    const idle = reason === "idle";
    return (
        <div class="overlay-notice" role="alert">
            <Icon name="clock" />
            <div>
                <strong>
                    {idle ? "This desktop ends because no one uses it" : "This desktop reaches its time limit"}
                </strong>
                <p>
                    {idle
                        ? "Move the mouse or press a key to stay."
                        : "Save your work. The home directory is kept for the next desktop."}
                </p>
            </div>
            <span class="overlay-clock" role="timer" aria-live="off">{clock((endsAt - now) / 1000)}</span>
        </div>
    );
}

function Ended({ state, onNew, starting, startError }: Props) {
    const reason = reasonText(state.ended?.reason ?? "");
    return (
        <div class="overlay overlay-solid">
            <section class="overlay-card" role="alert">
                <span class={`overlay-mark mark-${reason.tone}`}><Icon name="stop" /></span>
                <h1>{reason.title}</h1>
                <p>{state.ended?.detail || "This desktop has ended."}</p>
                <p class="overlay-hint">Files in the home directory are kept.</p>
                {startError !== null && <p class="overlay-error">{startError}</p>}
                <div class="overlay-actions">
                    <Button look="primary" icon="plus" busy={starting} onClick={onNew}>
                        {starting ? "Starting…" : "Start a new desktop"}
                    </Button>
                    <PageLink to="/" look="plain" icon="home">Your desktops</PageLink>
                </div>
            </section>
        </div>
    );
}
