import { useStore } from "../app/store";
import { Icon } from "../components/icon";
import type { DesktopMicrophone, MicrophoneState } from "./microphone";
import "./microphone-button.css";

const LABELS: Readonly<Record<MicrophoneState["state"], string>> = {
    off: "Turn microphone on",
    starting: "Turn microphone off",
    on: "Turn microphone off",
    muted: "Turn microphone off",
    failed: "The microphone is off",
    unsupported: "This browser can't give its microphone",
};

export function MicrophoneButton({ microphone }: { microphone: DesktopMicrophone }) {
    const { state, detail } = useStore(microphone.state);
    return (
        <button
            type="button"
            class="toolbar-button microphone-button"
            data-microphone={state}
            aria-label={LABELS[state]}
            title={detail === "" ? LABELS[state] : `${LABELS[state]}. ${detail}`}
            aria-pressed={state === "starting" || state === "on" || state === "muted"}
            disabled={state === "unsupported"}
            onClick={() => microphone.toggle()}
        >
            <Icon name={state === "on" || state === "starting" ? "microphone" : "muted"} />
        </button>
    );
}

/** Whoever speaks sees that it is heard, wherever the controls are; and why it is not. */
export function MicrophoneMark({ microphone }: { microphone: DesktopMicrophone }) {
    const { state, detail } = useStore(microphone.state);
    if (state === "failed") {
        return <div class="microphone-mark" role="status" data-state={state}>The microphone is off. {detail}</div>;
    }
    if (state !== "on" && state !== "muted") {
        return null;
    }
    const muted = state === "muted";
    return (
        <div class="microphone-mark" role="status" data-state={state}>
            {muted ? "Microphone muted" : "Microphone on"}
            <button type="button" onClick={() => microphone.mute(!muted)}>{muted ? "Unmute" : "Mute"}</button>
        </div>
    );
}
