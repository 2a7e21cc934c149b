import { useStore } from "../app/store";
import type { DesktopMicrophone, MicrophoneState } from "./microphone";
import { Toggle } from "./toggle";
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
    const captures = state === "on" || state === "starting";
    return (
        <Toggle
            look="microphone-button"
            state={state}
            icon={captures ? "microphone" : "muted"}
            label={LABELS[state]}
            detail={detail}
            pressed={captures || state === "muted"}
            disabled={state === "unsupported"}
            onPress={() => microphone.toggle()}
        />
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
